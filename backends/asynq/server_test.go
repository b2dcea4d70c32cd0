package asynq_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends/asynq"
	"github.com/seed-891a2e1b/tickwork/internal/redistest"
)

// Several instances in real time, on a redis-server.

// cluster starts three instances with n workers each.
func cluster(t *testing.T, server *redistest.Server, r *record, n int, period time.Duration) {
	t.Helper()
	for _, name := range []string{"a", "b", "c"} {
		cfg := asynq.Config{URL: server.URL + "?client_name=" + name, Lease: 2 * time.Second}
		real(t, cfg, quiet(name), every(n, period, r.run(name))...)
	}
}

func TestEachSlotRunsOnceOnAServer(t *testing.T) {
	t.Parallel() // it mostly waits
	server, r := redistest.Real(t), newRecord()
	cluster(t, server, r, 100, 200*time.Millisecond)
	client := clientOf(t, server.URL)
	for range 4 {
		time.Sleep(500 * time.Millisecond)
		killed := 0
		list, err := client.ClientList(t.Context()).Result()
		require.NoError(t, err)
		for _, line := range splitLines(list) {
			if line["name"] == "b" {
				killed++
				client.ClientKillByFilter(t.Context(), "ID", line["id"])
			}
		}
		require.Positive(t, killed, "connections of instance b that were killed")
	}
	time.Sleep(500 * time.Millisecond)
	before := r.count()
	eventually(t, 10*time.Second, "a few hundred more slots", func() bool { return r.count() > before+500 })
	r.once(t)
	assert.Len(t, r.shares(), 3, "instances that ran something")
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, slot := range r.last {
		assert.Less(t, time.Since(slot), 3*time.Second, "the last slot of %s", name)
	}
}

func TestRedisIsRestarted(t *testing.T) {
	t.Parallel()
	for _, loses := range []bool{false, true} {
		t.Run(fmt.Sprintf("loses=%t", loses), func(t *testing.T) {
			t.Parallel() // it mostly waits
			server, r := redistest.Real(t), newRecord()
			cluster(t, server, r, 20, 200*time.Millisecond)
			for range 3 {
				before := r.count()
				eventually(t, 10*time.Second, "slots run", func() bool { return r.count() > before+60 })
				if loses {
					require.NoError(t, server.Lose())
				}
				server.Kill()
				time.Sleep(300 * time.Millisecond)
				require.NoError(t, server.Start())
			}
			before := r.count()
			eventually(t, 10*time.Second, "slots run", func() bool { return r.count() > before+60 })
			r.once(t)
			client := clientOf(t, server.URL)
			eventually(t, 5*time.Second, "asynq's tools know the queue", func() bool {
				ok, _ := client.SIsMember(t.Context(), "asynq:queues", "tickwork").Result()
				return ok
			})
		})
	}
}

// A Redis that takes connections and does not answer.
func TestRedisIsFrozen(t *testing.T) {
	t.Parallel() // it mostly waits
	server, r := redistest.Real(t), newRecord()
	cluster(t, server, r, 20, 200*time.Millisecond)
	options := quiet("d")
	options.StopGrace = time.Second
	leaves, err := asynq.New(asynq.Config{URL: server.URL, Lease: 2 * time.Second}, options)
	require.NoError(t, err)
	launch(t, leaves, every(20, 200*time.Millisecond, r.run("d"))...)
	eventually(t, 10*time.Second, "slots run", func() bool { return r.count() > 60 })
	require.NoError(t, server.Freeze())
	time.Sleep(3 * time.Second)
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_ = leaves.Stop(ctx) // it cannot say goodbye, and perhaps not hand back a tick
	assert.Less(t, time.Since(began), 5*time.Second, "Stop while Redis does not answer")
	require.NoError(t, server.Thaw())
	before := r.count()
	eventually(t, 15*time.Second, "slots run", func() bool { return r.count() > before+60 })
	r.once(t)
}

// splitLines reads the answer of CLIENT LIST.
func splitLines(list string) (lines []map[string]string) {
	for line := range strings.SplitSeq(strings.TrimSpace(list), "\n") {
		fields := map[string]string{}
		for field := range strings.FieldsSeq(line) {
			key, value, _ := strings.Cut(field, "=")
			fields[key] = value
		}
		lines = append(lines, fields)
	}
	return lines
}
