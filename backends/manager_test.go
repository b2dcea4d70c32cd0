package backends_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends"
	"github.com/seed-891a2e1b/tickwork/backends/native"
	"github.com/seed-891a2e1b/tickwork/conformance"
	"github.com/seed-891a2e1b/tickwork/core"
)

// TestTheManagerIsAManager: what Open puts around a manager for the overrides
// keeps the whole contract.
func TestTheManagerIsAManager(t *testing.T) {
	conformance.Run(t, conformance.Backend{Name: "configured", Open: func(opts core.Options) (core.Manager, error) {
		m, err := native.New(native.Config{}, opts)
		return backends.Wrapped(m), err
	}})
}

func open(t *testing.T, data string) core.Manager {
	t.Helper()
	cfg, err := backends.LoadFrom("tickwork.yaml", data)
	require.NoError(t, err)
	m, err := backends.Open(t.Context(), cfg, quiet)
	require.NoError(t, err)
	return m
}

func TestOverridesReplaceWhatTheProgramSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		m := open(t, `
workers:
  all: {every: 2h, timeout: 1m, jitter: 0, run_on_start: true, enabled: true, retry: {attempts: 2, backoff: 3s}}
  off: {enabled: false}
  nightly: {cron: "0 3 * * *", timezone: Europe/Berlin}
`)
		type attempt struct {
			at       time.Time
			deadline time.Duration
		}
		var attempts []attempt
		begin := time.Now()
		all := worker("all", core.Every(time.Minute))
		all.Disabled, all.Jitter, all.Timeout = true, 30*time.Second, time.Hour
		all.Run = func(ctx context.Context) error {
			deadline, _ := ctx.Deadline()
			attempts = append(attempts, attempt{time.Now(), time.Until(deadline)})
			return assert.AnError
		}
		require.NoError(t, m.Add(ctx, all))
		require.NoError(t, m.Add(ctx, worker("off", core.Every(time.Minute))))
		require.NoError(t, m.Add(ctx, worker("nightly", core.Every(time.Minute))))
		require.NoError(t, m.Add(ctx, worker("plain", core.Every(time.Minute))))
		require.NoError(t, m.Start(ctx))
		time.Sleep(2*time.Hour + time.Minute)
		synctest.Wait()
		assert.Equal(t, []attempt{
			{begin, time.Minute}, {begin.Add(3 * time.Second), time.Minute},
			{begin.Add(2 * time.Hour), time.Minute}, {begin.Add(2*time.Hour + 3*time.Second), time.Minute},
		}, attempts)

		status := m.Workers()
		assert.Equal(t, []string{"Schedule", "Timeout", "Retry", "Jitter", "RunOnStart", "Disabled"}, status[0].Configured)
		assert.Equal(t, []string{"Disabled"}, status[1].Configured)
		assert.Equal(t, core.StateDisabled, status[1].State)
		assert.Equal(t, []string{"Schedule"}, status[2].Configured)
		assert.Equal(t, "cron 0 3 * * * Europe/Berlin", status[2].Schedule)
		assert.Nil(t, status[3].Configured)

		require.NoError(t, m.Reschedule(ctx, "all", core.Every(time.Hour)))
		assert.Equal(t, []string{"Timeout", "Retry", "Jitter", "RunOnStart", "Disabled"}, m.Workers()[0].Configured,
			"a schedule that the program gave later is not configuration's")
		require.NoError(t, m.Remove(ctx, "all"))
		require.NoError(t, m.Add(ctx, all))
		assert.Contains(t, m.Workers()[3].Configured, "Schedule", "added anew, it is")
		require.NoError(t, m.Stop(context.Background()))
	})
}

// tokyo is a program's own schedule, with a time zone that can be another.
type tokyo struct{ zone *time.Location }

func (s tokyo) Next(after time.Time) time.Time       { return after.Truncate(time.Hour).Add(time.Hour) }
func (s tokyo) Location() *time.Location             { return s.zone }
func (s tokyo) In(zone *time.Location) core.Schedule { return tokyo{zone} }
func (s tokyo) String() string                       { return "hourly " + s.zone.String() }

// A cron expression and its time zone are overridden together or each alone, and
// the status says so.
func TestOverridesOfTheScheduleOrItsZoneAlone(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	nightly := core.Cron("0 3 * * *", core.In(berlin))
	for _, c := range []struct {
		override string
		program  core.Schedule
		want     string
	}{
		{"{timezone: Asia/Tokyo}", nightly, "cron 0 3 * * * Asia/Tokyo"},
		{"{timezone: UTC}", nightly, "cron 0 3 * * *"},
		{"{timezone: Asia/Tokyo}", core.Cron("@daily"), "cron @daily Asia/Tokyo"},
		{`{cron: "30 4 * * *"}`, nightly, "cron 30 4 * * * Europe/Berlin"},
		{`{cron: "30 4 * * *"}`, core.Cron("@daily"), "cron 30 4 * * *"},
		{`{cron: "30 4 * * *"}`, core.Every(time.Hour), "cron 30 4 * * *"},
		{`{cron: "30 4 * * *", timezone: UTC}`, nightly, "cron 30 4 * * *"},
		{`{cron: "@every 1h"}`, nightly, "every 1h"},
		{"{every: 1h}", nightly, "every 1h"},
		{"{timezone: Europe/Berlin}", tokyo{time.UTC}, "hourly Europe/Berlin"},
		{`{cron: "@daily"}`, tokyo{berlin}, "cron @daily Europe/Berlin"},
		{`{cron: "@daily"}`, tokyo{}, "cron @daily"},
	} {
		m := open(t, "workers: {a: "+c.override+"}")
		require.NoError(t, m.Add(t.Context(), worker("a", c.program)), c.override)
		assert.Equal(t, c.want, m.Workers()[0].Schedule, c.override)
		assert.Equal(t, []string{"Schedule"}, m.Workers()[0].Configured, c.override)
	}

	r := preflight(t, "workers: {a: {timezone: Asia/Tokyo}}", "2026-01-15T00:00:00Z", worker("a", nightly))
	require.NoError(t, r.Err())
	assert.Equal(t, time.Date(2026, 1, 15, 18, 0, 0, 0, time.UTC), r.Workers[0].Slots[0])
	assert.Equal(t, []string{"Schedule"}, r.Workers[0].Configured)
}

// A minute that the process was away from is made up or not, as the
// configuration says.
func TestOverridesOfOffsetAndMisfire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var away atomic.Int64
		cfg, err := backends.LoadFrom("f", `
workers:
  offset: {every: 1h, offset: 15m}
  skips: {misfire: skip-missed}
  late: {misfire: run-latest, max_late: 10s}
  fresh: {max_late: 0}
`)
		require.NoError(t, err)
		opts := quiet
		opts.Now = func() time.Time { return time.Now().Add(time.Duration(away.Load())) }
		m, err := backends.Open(t.Context(), cfg, opts)
		require.NoError(t, err)
		for _, w := range []core.Worker{
			worker("offset", core.Every(time.Minute)),
			worker("skips", core.Every(time.Hour)),
			{Name: "late", Schedule: core.Every(time.Hour), Misfire: core.SkipMissed, Run: func(context.Context) error { return nil }},
			{Name: "fresh", Schedule: core.Every(time.Hour), MaxLate: time.Second, Run: func(context.Context) error { return nil }},
		} {
			require.NoError(t, m.Add(t.Context(), w))
		}
		require.NoError(t, m.Start(t.Context()))
		time.Sleep(59*time.Minute + 30*time.Second)
		away.Store(int64(time.Minute))
		time.Sleep(2 * core.ClockCheck)
		synctest.Wait()
		status := m.Workers()
		assert.Equal(t, []string{"Schedule"}, status[0].Configured)
		assert.Equal(t, "every 1h offset 15m", status[0].Schedule)
		assert.EqualValues(t, 1, status[0].Runs)
		assert.Equal(t, 15, status[0].Last.Tick.Slot.Minute())
		assert.Equal(t, []string{"Misfire"}, status[1].Configured)
		assert.Equal(t, []string{"Misfire", "MaxLate"}, status[2].Configured)
		for i, runs := range []uint64{0, 0, 1} {
			assert.Equal(t, runs, status[i+1].Runs, status[i+1].Name)
			assert.Equal(t, 1-runs, status[i+1].Skips.Missed, status[i+1].Name)
		}
		require.NoError(t, m.Stop(context.Background()))
	})
}

func TestARetryThatSaysNothingIsNotConfigured(t *testing.T) {
	m := open(t, "workers: {a: {retry: {}}, b: {retry: {attempts: ~}}}")
	for i, name := range []string{"a", "b"} {
		require.NoError(t, m.Add(t.Context(), worker(name, core.Every(time.Hour))))
		assert.Empty(t, m.Workers()[i].Configured)
	}
}

func TestRetryKeepsWhatIsNotGiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := open(t, "workers: {a: {retry: {attempts: 3}}}")
		var at []time.Duration
		w := worker("a", core.Every(time.Hour))
		begin := time.Now()
		w.Retry = core.Retry{MaxAttempts: 9, Backoff: core.Constant(5 * time.Second)}
		w.Run = func(context.Context) error {
			at = append(at, time.Since(begin)-time.Hour)
			return assert.AnError
		}
		require.NoError(t, m.Add(t.Context(), w))
		require.NoError(t, m.Start(t.Context()))
		time.Sleep(time.Hour + time.Minute)
		synctest.Wait()
		assert.Equal(t, []time.Duration{0, 5 * time.Second, 10 * time.Second}, at)
		require.NoError(t, m.Stop(context.Background()))
	})
}

func TestAddSaysWhatTheConfigurationCaused(t *testing.T) {
	m := open(t, "workers:\n  jitter: {jitter: 1h}\n  long: {every: 1h}\n  fast: {every: 1us}\n  mine: {timeout: 1s}\n"+
		"  skips: {max_late: 1m}\n  both: {misfire: run-latest, max_late: 1m}\n  long2: {misfire: skip-missed}\n  long3: {max_late: 0}\n"+
		"  zone: {timezone: UTC}\n  faster:\n    timeout: 1s\n    every: 10s\n  fastest: {cron: \"@every 10s\"}\n")
	ctx := t.Context()
	err := m.Add(ctx, worker("jitter", core.Every(time.Minute)))
	require.ErrorIs(t, err, core.ErrInvalidWorker)
	require.EqualError(t, err, `tickwork.yaml:2:12: workers.jitter.jitter: must be shorter than the period of 1m0s, got 1h0m0s`)

	err = m.Add(ctx, worker("long", nil))
	require.ErrorIs(t, err, core.ErrUnsupported)
	require.EqualError(t, err, `tickwork.yaml:3:10: workers.long.every: the worker is a long-running one, and has no schedule to replace: not supported by this engine`)

	err = m.Add(ctx, worker("fast", core.Every(time.Minute)))
	require.ErrorIs(t, err, core.ErrUnsupported)
	require.ErrorContains(t, err, "tickwork.yaml:4:10: workers.fast.every: ")

	w := worker("mine", core.Every(time.Minute))
	w.Jitter = -1
	err = m.Add(ctx, w)
	require.ErrorContains(t, err, `tickwork: add worker "mine": Jitter: `, "the program's own mistake")
	require.NotContains(t, err.Error(), "tickwork.yaml")

	w = worker("skips", core.Every(time.Minute))
	w.Misfire = core.SkipMissed
	err = m.Add(ctx, w)
	require.ErrorIs(t, err, core.ErrInvalidWorker)
	require.EqualError(t, err, "tickwork.yaml:6:11: workers.skips.max_late: goes with misfire run-latest, and the program's is skip-missed: invalid worker")
	err = m.Add(ctx, worker("long2", nil))
	require.ErrorIs(t, err, core.ErrInvalidWorker)
	require.EqualError(t, err, "tickwork.yaml:8:11: workers.long2.misfire: the worker is a long-running one, and has no slots to miss: invalid worker")
	err = m.Add(ctx, worker("long3", nil))
	require.EqualError(t, err, "tickwork.yaml:9:11: workers.long3.max_late: the worker is a long-running one, and has no slots to miss: invalid worker")

	for _, s := range []core.Schedule{core.Every(time.Minute), core.Delay(time.Minute), core.Cron("@every 1m")} {
		err = m.Add(ctx, worker("zone", s))
		require.ErrorIs(t, err, core.ErrInvalidWorker)
		require.ErrorContains(t, err, "tickwork.yaml:10:10: workers.zone.timezone: needs cron, but the program's schedule is ")
	}
	require.EqualError(t, m.Add(ctx, worker("zone", nil)),
		"tickwork.yaml:10:10: workers.zone.timezone: the worker is a long-running one, and has no schedule to replace: not supported by this engine")
	err = m.Add(ctx, worker("zone", core.Cron("0 25 * * *")))
	require.ErrorContains(t, err, `cron expression "0 25 * * *": hour`, "the program's own mistake")

	// A jitter of the program's that is too long for the file's period.
	w = worker("faster", core.Every(time.Minute))
	w.Jitter = 30 * time.Second
	err = m.Add(ctx, w)
	require.ErrorIs(t, err, core.ErrInvalidWorker)
	require.EqualError(t, err, "tickwork.yaml:13:5: workers.faster.every: must be longer than the program's jitter of 30s, got 10s: invalid worker")
	w.Name = "fastest"
	require.EqualError(t, m.Add(ctx, w), "tickwork.yaml:14:13: workers.fastest.cron: must be longer than the program's jitter of 30s, got 10s: invalid worker")
	assert.Empty(t, m.Workers())

	w = worker("both", core.Every(time.Minute))
	w.Misfire = core.SkipMissed
	require.NoError(t, m.Add(ctx, w), "the file says run-latest, over the program")
}

func TestStartRefusesAWorkerThatWasNeverAdded(t *testing.T) {
	ctx := t.Context()
	m := open(t, "workers:\n  delete-old-log: {every: 1h}\n  b: {every: 1h}\n")
	require.NoError(t, m.Add(ctx, worker("delete-old-logs", core.Every(time.Minute))))
	require.NoError(t, m.Add(ctx, worker("b", core.Every(time.Minute))))
	require.NoError(t, m.Remove(ctx, "b"), "it was added, and that is what counts")
	err := m.Start(ctx)
	require.ErrorIs(t, err, backends.ErrUnknownWorker)
	require.EqualError(t, err, `tickwork.yaml:2:3: workers.delete-old-log: no worker of this name was added; did you mean "delete-old-logs"?`)
	require.ErrorIs(t, m.Start(ctx), core.ErrStopped)
	require.ErrorIs(t, m.Add(ctx, worker("delete-old-log", core.Every(time.Hour))), core.ErrStopped)
	require.NoError(t, m.Stop(ctx))

	for _, null := range []string{"", " ~", " {}"} {
		m = open(t, "workers:\n  gone:"+null+"\n")
		require.EqualError(t, m.Start(ctx), "tickwork.yaml:2:3: workers.gone: no worker of this name was added")
	}

	m = open(t, "workers: {a: {every: 1h}}")
	require.NoError(t, m.Stop(ctx))
	require.ErrorIs(t, m.Start(ctx), core.ErrStopped)
}
