package backends_test

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends"
	"github.com/seed-891a2e1b/tickwork/backends/native"
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

// Of a change that is near, no slot is told twice.
func TestPreflightTellsEachSlotOnce(t *testing.T) {
	for _, day := range []string{"14", "15", "16", "17"} { // of October; the clocks change on the 25th
		r := preflight(t, "workers: {w: {cron: \"0 3 * * *\", timezone: Europe/Berlin}}", "2026-10-"+day+"T12:00:00Z",
			worker("w", core.Every(10*time.Minute)))
		require.NoError(t, r.Err())
		all := r.Workers[0].Slots
		if c := r.Workers[0].Change; c != nil {
			all = append(all, c.Slots...)
		}
		for i := 1; i < len(all); i++ {
			require.True(t, all[i].After(all[i-1]), "%s after %s, told on the %s", all[i], all[i-1], day)
		}
	}
}

// There is an ellipsis where slots are left out, and only there.
func TestPreflightShowsWhereSlotsAreLeftOut(t *testing.T) {
	for day, leftOut := range map[string]bool{"01": true, "10": true, "11": false, "13": false} { // the clocks change on the 25th
		r := preflight(t, "workers: {w: {cron: \"0 3 * * *\", timezone: Europe/Berlin}}", "2026-10-"+day+"T12:00:00Z",
			worker("w", core.Every(10*time.Minute)))
		require.NoError(t, r.Err())
		require.NotEmpty(t, r.Workers[0].Change.Slots, day)
		assert.Equal(t, leftOut, strings.Contains(r.String(), "…"), "from the %s:\n%s", day, r)
	}
}

// A broker that takes all the time that there is to be not reached is no reason to
// refuse a worker.
func TestPreflightJudgesTheWorkersAlsoWithoutABroker(t *testing.T) {
	backends.Register(backends.Driver[struct{}]{
		Name:  "deaf",
		New:   func(_ struct{}, opts core.Options) (core.Manager, error) { return native.New(native.Config{}, opts) },
		Reach: func(ctx context.Context, _ struct{}) error { <-ctx.Done(); return ctx.Err() },
	})
	t.Cleanup(func() { backends.Unregister("deaf") })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	r := backends.Preflight(ctx, backends.Config{Backend: "deaf"}, quiet, adding(worker("a", core.Every(time.Minute)), worker("b c", nil)))
	require.EqualError(t, r.Err(), "backends: deaf: context deadline exceeded\n"+
		`tickwork: add worker "b c": Name: has ' ' at byte 1; letters, digits and . _ - / : are allowed`)
	assert.Len(t, r.Workers[0].Slots, 10)
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
		`tickwork: worker "rotten": Schedule: the schedule's Next(2026-01-15T00:02:00Z): panic: rotten`,
	}, strings.Split(err.Error(), "\n"))
	assert.Contains(t, r.String(), "\na: refused\n")
	assert.Contains(t, r.String(), "\nDoes not open:\n  backends: fakeredis: dial")
}

// limited is an engine that lacks some features. Nothing of it is to be called but
// what tells so.
type limited struct {
	core.Engine
	called func(what string)
}

func (e limited) Features() core.Features {
	return core.Features{
		Engine: "limited", MinPeriod: time.Second,
		Lacks: []core.Feature{core.FeatureJitter, core.FeatureDelay, core.FeatureLongRunning, core.FeatureTimeout},
	}
}

func (e limited) Start(context.Context, core.Host) error      { e.called("Start"); return nil }
func (e limited) Schedule(context.Context, *core.Job) error   { e.called("Schedule"); return nil }
func (e limited) Unschedule(context.Context, *core.Job) error { e.called("Unschedule"); return nil }
func (e limited) Stop(context.Context) error                  { e.called("Stop"); return nil }

// registerLimited registers the backend "limited" for the time of a test.
func registerLimited(t *testing.T) {
	t.Helper()
	backends.Register(backends.Driver[struct{}]{Name: "limited", New: func(_ struct{}, opts core.Options) (core.Manager, error) {
		return core.NewManager(limited{called: func(what string) { t.Errorf("the engine's %s was called", what) }}, opts), nil
	}})
	t.Cleanup(func() { backends.Unregister("limited") })
}

// TestPreflightTellsWhichWorkerNeedsWhat: of each worker that wants what the
// engine lacks, in the words of Add, and with the line of the configuration where
// it is that which wants it.
func TestPreflightTellsWhichWorkerNeedsWhat(t *testing.T) {
	registerLimited(t)
	jittered, timed := worker("jittered", core.Every(time.Minute)), worker("timed", core.Every(time.Minute))
	jittered.Jitter, timed.Timeout = time.Second, time.Second
	r := preflight(t, "backend: limited\nworkers:\n  configured: {jitter: 1s}\n  fast: {every: 10ms}\n", "2026-01-15T00:00:00Z",
		worker("fine", core.Every(time.Minute)), worker("configured", core.Every(time.Minute)), worker("fast", core.Every(time.Minute)),
		worker("delay", core.Delay(time.Minute)), worker("long", nil), jittered, timed)
	require.ErrorIs(t, r.Err(), core.ErrUnsupported)
	assert.Equal(t, []string{
		"tickwork.yaml:3:16: workers.configured.jitter: limited cannot do jitter: not supported by this engine",
		"tickwork.yaml:4:10: workers.fast.every: due every 10ms, and the shortest period is 1s: not supported by this engine",
		`tickwork: add worker "delay": Schedule: limited cannot do delay: not supported by this engine`,
		`tickwork: add worker "long": Schedule: limited cannot do long-running: not supported by this engine`,
		`tickwork: add worker "jittered": Jitter: limited cannot do jitter: not supported by this engine`,
		`tickwork: add worker "timed": Timeout: limited cannot do timeout: not supported by this engine`,
	}, strings.Split(r.Err().Error(), "\n"))
	require.NoError(t, r.Workers[0].Err)
	for _, w := range r.Workers[1:] {
		require.ErrorIs(t, w.Err, core.ErrUnsupported, w.Name)
		assert.Empty(t, w.Slots, w.Name)
	}
	text := r.String()
	assert.Contains(t, text, "\n  cannot do: jitter delay long-running timeout\n")
	assert.Contains(t, text, "\nfine: every 1m\n")
	assert.Contains(t, text, "\ndelay: refused\n")
	assert.Contains(t, text, "\nDoes not open:\n  ")
}

// TestPreflightStartsNothing: no hook, no run, no middleware, nothing of an
// engine, and no observer or error handler hears of anything.
func TestPreflightStartsNothing(t *testing.T) {
	registerLimited(t)
	for _, backend := range []string{"native", "gocron", "fakeredis", "limited"} {
		called := func(what string) { t.Errorf("%s: %s was called", backend, what) }
		opts := at("2026-01-15T00:00:00Z")
		opts.Observers = []core.Observer{func(core.Event) { called("an observer") }}
		opts.OnError = func(context.Context, core.Tick, error) { called("OnError") }
		opts.Middleware = []core.Middleware{func(ctx context.Context, next func(context.Context) error) error {
			called("a middleware")
			return next(ctx)
		}}
		var workers []core.Worker
		for _, s := range []core.Schedule{core.Every(time.Second), core.Cron("* * * * *"), core.Delay(time.Second), nil} {
			w := core.Worker{Name: "w" + strconv.Itoa(len(workers)), Schedule: s, RunOnStart: s != nil}
			w.Run = func(context.Context) error { called("Run"); return nil }
			w.OnStart = func(context.Context) error { called("OnStart"); return nil }
			w.OnStop = func(context.Context) error { called("OnStop"); return nil }
			workers = append(workers, w)
		}
		r := backends.Preflight(t.Context(), backends.Config{Backend: backend}, opts, adding(workers...))
		require.Len(t, r.Workers, len(workers))
		if backend == "limited" { // which takes the first two
			require.ErrorIs(t, r.Err(), core.ErrUnsupported)
			r.Workers = r.Workers[:2]
		}
		require.NoError(t, r.Err(), backend)
	}
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
		return errors.Join(m.Start(ctx), m.Stop(ctx), errOf(m.Trigger(ctx, "a")), m.Pause(ctx, "a"), m.Resume(ctx, "a"),
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
