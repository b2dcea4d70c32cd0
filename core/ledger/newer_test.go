package ledger_test

import (
	"encoding/json"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

// marked is an entry as another version has written it, over the one given: of a
// format, and with a field that no other version knows.
func marked(t *testing.T, e ledger.Entry, format int, more map[string]any) ledger.Entry {
	record := map[string]any{}
	if e.Rev != 0 {
		require.NoError(t, json.Unmarshal(e.Value, &record))
	}
	record["format"] = format
	for key, value := range more {
		record[key] = value
	}
	value, err := json.Marshal(record)
	require.NoError(t, err)
	return ledger.Entry{Value: value, Rev: e.Rev + 1<<40}
}

// What a newer version has written is not written over by this one, which leaves the
// worker to the other, and says so once; when the record is one that it knows again,
// the worker goes on.
func TestANewerVersionsRecordIsLeftAlone(t *testing.T) {
	lease, control := func(s *ledger.State) *ledger.Entry { return &s.Lease }, func(s *ledger.State) *ledger.Entry { return &s.Control }
	for name, c := range map[string]struct {
		record func(*ledger.State) *ledger.Entry
		more   map[string]any
		during bool // a run
		lost   bool // the broker's data were, and the newer version has written its record back
	}{
		"lease":                            {record: lease, more: map[string]any{"colour": "blue"}},
		"lease with other types":           {record: lease, more: map[string]any{"fence": "blue", "last": 7}},
		"control":                          {record: control, more: map[string]any{"until": "tomorrow"}},
		"control with other types":         {record: control, more: map[string]any{"paused": []int{1}}},
		"control, while its worker is run": {record: control, more: map[string]any{"until": "tomorrow"}, during: true},
		"lease, written back after a loss": {record: lease, more: map[string]any{"colour": "blue"}, lost: true},
		"lease of a slot far ahead":        {record: lease, more: map[string]any{"slot": "2199-01-01T00:00:00Z"}},
	} {
		for _, k := range append(kinds, kind{name: "dispatched", polled: true, post: &post{}}) {
			t.Run(name+", "+k.name, func(t *testing.T) {
				if k.post != nil {
					k.post = &post{}
				}
				inClusterOf(t, k, 0, func(cl *cluster) {
					var logs []*lines
					for range 2 {
						logs = append(logs, &lines{Handler: slog.DiscardHandler, n: map[string]int{}})
						cl.join(core.Options{Logger: slog.New(logs[len(logs)-1])})
					}
					for _, name := range []string{"w", "other"} {
						cl.add(core.Worker{Name: name, Schedule: core.Every(10 * time.Second), Run: lasting(3 * time.Second)})
					}
					cl.start()
					cl.align(10 * time.Second)
					if !c.during {
						time.Sleep(5 * time.Second)
					}
					theirs := cl.broker.Snapshot("test", "w")
					*c.record(&theirs) = marked(cl.t, *c.record(&theirs), 2, c.more)
					if c.lost {
						cl.broker.Lose()
					}
					cl.broker.Rewind("test", theirs)
					at, n := time.Now(), len(cl.of("w"))
					time.Sleep(time.Minute)
					for _, node := range cl.nodes {
						require.ErrorContains(cl.t, node.m.Pause(cl.t.Context(), "w"), "a newer version's: it is of format 2, and this version knows 1")
						require.ErrorContains(cl.t, errOf(node.m.Trigger(cl.t.Context(), "w")), "a newer version's")
					}
					time.Sleep(3 * time.Minute)

					now := cl.broker.Snapshot("test", "w")
					require.Equal(cl.t, *c.record(&theirs), *c.record(&now), "the newer version's record")
					for _, r := range cl.of("w")[n:] {
						require.Less(cl.t, r.began.Sub(at), 15*time.Second, "%s began, on %s", r.tick, r.node)
					}
					for i, log := range logs {
						log.mu.Lock()
						require.Equal(cl.t, 1, log.n["ledger: unreadable record"], "the errors in the log of node %d: %v", i, log.n)
						log.mu.Unlock()
					}
					cl.oncePerSlot("other", 10*time.Second, 20)

					*c.record(&now) = ledger.Entry{Value: []byte("{}"), Rev: c.record(&now).Rev + 1}
					cl.broker.Rewind("test", now)
					n = len(cl.of("w"))
					time.Sleep(time.Minute)
					require.Greater(cl.t, len(cl.of("w")), n+3, "runs when the record is one of this version's again")
				})
			})
		}
	}
}

// The fields of the records are those of their format: another one is in a higher
// format, or an older version would drop it when it writes the record again. Only
// pausedBy and pausedAt may be dropped: they are for the status alone.
func TestAFormatHasItsFields(t *testing.T) {
	require.Equal(t, 1, ledger.Format, "what differs from format 1 is to be told here, too")
	for want, record := range map[string]any{
		"format slot running owner fence for tick manual crashes again cut trigger base done reason told last life": ledger.Lease{},
		"slot manual fence started duration attempts outcome error instance":                                        ledger.Run{},
		"instance fence over": ledger.Told{},
		"format paused trigger by at pausedBy pausedAt present seq": ledger.Control{},
		"instance process decided":                                  ledger.Presence{},
	} {
		var fields []string
		for i := range reflect.TypeOf(record).NumField() {
			name, _, _ := strings.Cut(reflect.TypeOf(record).Field(i).Tag.Get("json"), ",")
			fields = append(fields, name)
		}
		require.Equal(t, want, strings.Join(fields, " "), "the fields of %T", record)
	}
}

// A pause of an older version, whose record does not say who paused the worker, shows
// the instance that wrote the record last.
func TestAPauseOfAnOlderVersion(t *testing.T) {
	inCluster(t, 2, func(cl *cluster) {
		cl.add(core.Worker{Name: "w", Schedule: core.Every(10 * time.Second), Run: lasting(time.Second)})
		cl.start()
		require.NoError(cl.t, cl.nodes[0].m.Pause(cl.t.Context(), "w"))
		time.Sleep(time.Minute)
		for _, n := range cl.nodes {
			require.Equal(cl.t, cl.nodes[0].name, n.status("w").Paused.By, n.name)
		}
		at := time.Now().UTC().Truncate(time.Second)
		s := cl.broker.Snapshot("test", "w")
		s.Control = ledger.Entry{Value: []byte(`{"paused":true,"by":"older","at":"` + at.Format(time.RFC3339) + `","seq":7}`), Rev: s.Control.Rev + 1}
		cl.broker.Rewind("test", s)
		time.Sleep(time.Minute)
		for _, n := range cl.nodes {
			require.Equal(cl.t, core.StatePaused, n.status("w").State, n.name)
			require.Equal(cl.t, core.Pause{By: "older", At: at}, *n.status("w").Paused, n.name)
		}
	})
}
