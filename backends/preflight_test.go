package backends_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends"
	"github.com/seed-891a2e1b/tickwork/core"
)

// at are options whose clock stands still.
func at(now string) core.Options {
	t, err := time.Parse(time.RFC3339, now)
	if err != nil {
		panic(err)
	}
	opts := quiet
	opts.Now = func() time.Time { return t }
	return opts
}

func adding(workers ...core.Worker) func(context.Context, core.Manager) error {
	return func(ctx context.Context, m core.Manager) error {
		for _, w := range workers {
			if err := m.Add(ctx, w); err != nil {
				return err
			}
		}
		return nil
	}
}

func preflight(t *testing.T, data, now string, workers ...core.Worker) backends.Report {
	t.Helper()
	cfg, err := backends.LoadFrom("tickwork.yaml", data)
	require.NoError(t, err)
	return backends.Preflight(t.Context(), cfg, at(now), adding(workers...))
}

func TestPreflightTellsTheSlotsAcrossAChangeOfTheClocks(t *testing.T) {
	checked := worker("passive-user-checker", core.Every(10*time.Minute))
	checked.OnStart = func(context.Context) error { panic("a hook was run") }
	r := preflight(t, "workers: {passive-user-checker: {cron: \"30 2 * * *\", timezone: Europe/Berlin, jitter: 1m}}",
		"2026-03-26T12:00:00Z", checked)
	require.NoError(t, r.Err())
	golden(t, "change.txt", r.String())
	w := r.Workers[0]
	assert.Len(t, w.Slots, 10)
	require.NotNil(t, w.Change)
	assert.Equal(t, time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC), w.Change.At)
	assert.Empty(t, w.Change.Slots, "the ten get there")
	assert.Contains(t, w.Slots, time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC), "what the clocks skip is run at the first instant after")
}

func TestPreflightTellsTheSlotsAroundALaterChange(t *testing.T) {
	r := preflight(t, `
workers:
  half-hourly: {cron: "*/30 1-3 * * *", timezone: Australia/Lord_Howe}
  autumn:      {cron: "30 2 * * *", timezone: Europe/Berlin, run_on_start: true}
  no-clocks:   {cron: "0 9 * * 1", timezone: Asia/Tokyo}
`, "2026-01-15T00:00:00Z", worker("half-hourly", core.Every(time.Hour)), worker("autumn", core.Every(time.Hour)), worker("no-clocks", core.Every(time.Hour)))
	require.NoError(t, r.Err())
	golden(t, "around.txt", r.String())
	assert.Len(t, r.Workers[1].Change.Slots, 6)
	assert.Nil(t, r.Workers[2].Change)
}

func TestPreflightOfWorkersWithoutSlots(t *testing.T) {
	long, off := worker("long", nil), worker("off", core.Every(time.Minute))
	off.Disabled = true
	r := preflight(t, "", "2026-01-15T00:00:00Z", long, off, worker("delay", core.Delay(time.Minute)), worker("ends", once(time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC))))
	require.NoError(t, r.Err())
	for _, w := range r.Workers[:3] {
		assert.Empty(t, w.Slots, w.Name)
	}
	assert.Len(t, r.Workers[3].Slots, 1)
	text := r.String()
	assert.Contains(t, text, "\nlong: long-running\n")
	assert.Contains(t, text, "\noff: every 1m, disabled\n")
	assert.Contains(t, text, "\ndelay: 1m after each run\n")
	assert.Contains(t, text, "\nOpens, with 4 workers.\n")
}

// once is a schedule of one slot.
type once time.Time

func (o once) Next(after time.Time) time.Time {
	if t := time.Time(o); t.After(after) {
		return t
	}
	return time.Time{}
}

// rotten misbehaves at its third slot.
type rotten struct{}

func (rotten) Next(after time.Time) time.Time {
	if after.Minute() >= 2 {
		panic("rotten")
	}
	return after.Truncate(time.Minute).Add(time.Minute)
}

func TestPreflightTellsAllThatIsWrong(t *testing.T) {
	r := preflight(t, "backend: fakeredis\nfakeredis: {url: \"redis://u:secret@host\"}\nworkers:\n  a: {jitter: 2m}\n  b: {every: 1h}\n",
		"2026-01-15T00:00:00Z", worker("a", core.Every(time.Minute)), worker("a b", core.Every(time.Minute)), worker("rotten", rotten{}))
	err := r.Err()
	require.ErrorIs(t, err, core.ErrInvalidWorker)
	require.ErrorIs(t, err, backends.ErrUnknownWorker)
	assert.Equal(t, []string{
		"backends: fakeredis: dial redis://*****@host: connection refused",
		"tickwork.yaml:5:3: workers.b: no worker of this name was added",
		`tickwork.yaml:4:7: workers.a.jitter: must be shorter than the period of 1m0s, got 2m0s`,
		`tickwork: add worker "a b": Name: has ' ' at byte 1; letters, digits and . _ - / : are allowed`,
		`tickwork: worker "rotten": Schedule: the schedule panicked: rotten`,
	}, strings.Split(err.Error(), "\n"))
	assert.Contains(t, r.String(), "\na: refused\n")
	assert.Contains(t, r.String(), "\nDoes not open:\n  backends: fakeredis: dial")
}

func TestPreflightOfWhatDoesNotOpen(t *testing.T) {
	r := backends.Preflight(t.Context(), backends.Config{Backend: "nowhere"}, quiet, adding())
	require.ErrorIs(t, r.Err(), backends.ErrUnknownBackend)
	assert.Contains(t, r.String(), "backend nowhere\n\nDoes not open:\n")
}

func TestPreflightReaches(t *testing.T) {
	r := preflight(t, "backend: fakeredis", "2026-01-15T00:00:00Z")
	require.NoError(t, r.Err())
	assert.True(t, r.Reached)
	assert.Contains(t, r.String(), "backend fakeredis: the broker was reached\n")

	r = preflight(t, "backend: fakeredis\nenabled: false\nfakeredis: {url: x}", "2026-01-15T00:00:00Z", worker("a", core.Every(time.Second)))
	require.NoError(t, r.Err(), "a disabled manager makes no connection")
	assert.False(t, r.Reached)
	assert.Contains(t, r.String(), "backend fakeredis: disabled, nothing will run\n")
}

func TestPreflightTakesWorkersAndNothingElse(t *testing.T) {
	r := backends.Preflight(t.Context(), backends.Config{}, quiet, func(ctx context.Context, m core.Manager) error {
		return errors.Join(m.Start(ctx), m.Stop(ctx), m.Trigger(ctx, "a"), m.Pause(ctx, "a"), m.Resume(ctx, "a"),
			m.Remove(ctx, "a"), m.Reschedule(ctx, "a", core.Every(1)))
	})
	assert.Len(t, strings.Split(r.Err().Error(), "\n"), 7)
}

// golden compares with a file; UPDATE_GOLDEN=1 writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := "testdata/" + name
	if os.Getenv("UPDATE_GOLDEN") != "" {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, string(want), got)
}
