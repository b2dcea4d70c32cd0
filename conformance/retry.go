package conformance

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, retryCases) }

var retries = []core.Feature{core.FeatureRetry}

var retryCases = []kase{
	{rule: "ERR-5", name: "a-failed-run-is-attempted-as-often-as-said", needs: retries, run: func(t *trial) {
		w := t.worker("w", core.Every(2*t.period()), fails)
		w.Retry = core.Retry{MaxAttempts: 4, Backoff: core.Constant(t.period() / 20)}
		m := t.running(core.Options{}, w)
		s := t.awaitRuns(m, "w", 2)
		calls := t.calls("w")
		require.Len(t, calls, 8, "attempts in two runs")
		for i, c := range calls {
			assert.Equal(t, i%4+1, c.tick.Attempt, "the number in the tick of attempt %d of run %d", i%4+1, i/4+1)
			assert.Equal(t, calls[i/4*4].tick.ID(), c.tick.ID(), "the tick of attempt %d is that of its run", i%4+1)
		}
		assert.NotEqual(t, calls[0].tick.ID(), calls[4].tick.ID(), "two runs are of two ticks")
		assert.EqualValues(t, 2, s.Runs, "runs: attempts are not counted")
	}},
	{rule: "ERR-5", name: "zero-and-one-are-one-attempt", run: func(t *trial) {
		workers := []core.Worker{t.worker("zero", core.Every(t.period()), fails), t.worker("one", core.Every(t.period()), fails)}
		workers[1].Retry.MaxAttempts = 1
		m := t.running(core.Options{}, workers...)
		t.awaitRuns(m, "zero", 2)
		t.awaitRuns(m, "one", 2)
		for _, w := range workers {
			for i, c := range t.calls(w.Name) {
				assert.Equal(t, 1, c.tick.Attempt, "the attempt of %s in call %d", w.Name, i+1)
			}
		}
	}},
	{rule: "ERR-5", name: "success-ends-it", needs: retries, run: func(t *trial) {
		w := t.worker("w", core.Every(2*t.period()), func(ctx context.Context) error {
			if tick, _ := core.TickFrom(ctx); tick.Attempt < 3 {
				return errBoom
			}
			return nil
		})
		w.Retry = core.Retry{MaxAttempts: 10, Backoff: core.Constant(t.period() / 20)}
		m := t.running(core.Options{}, w)
		s := t.awaitRuns(m, "w", 1)
		t.sleep(t.period() / 2)
		assert.Len(t, t.calls("w"), 3, "attempts")
		assert.Equal(t, core.Succeeded, s.Last.Outcome, "the outcome")
		assert.NoError(t, s.Last.Err, "the error")
	}},
	{rule: "ERR-5", name: "a-permanent-error-ends-it", needs: retries, run: func(t *trial) {
		handler := &errorHandler{}
		w := t.worker("w", core.Every(2*t.period()), func(ctx context.Context) error {
			if tick, _ := core.TickFrom(ctx); tick.Attempt < 2 {
				return errBoom
			}
			return core.Permanent(errHopeless)
		})
		w.Retry = core.Retry{MaxAttempts: 10, Backoff: core.Constant(t.period() / 20)}
		m := t.running(core.Options{OnError: handler.hear}, w)
		s := t.awaitRuns(m, "w", 1)
		t.sleep(t.period() / 2)
		assert.Len(t, t.calls("w"), 2, "attempts: the second failed for good")
		assert.Equal(t, errHopeless, s.Last.Err, "the error in the status, without the mark")
		require.NotEmpty(t, handler.heard(), "calls of the error handler")
		last := handler.heard()[len(handler.heard())-1]
		assert.Equal(t, errHopeless, last.err, "the error that the handler is given, without the mark")
	}},
	{rule: "ERR-5", name: "a-permanent-error-inside-another-ends-it", needs: retries, run: func(t *trial) {
		w := t.worker("w", core.Every(2*t.period()), func(context.Context) error {
			return fmt.Errorf("row 7: %w", core.Permanent(errHopeless))
		})
		w.Retry = core.Retry{MaxAttempts: 10, Backoff: core.Constant(t.period() / 20)}
		m := t.running(core.Options{}, w)
		s := t.awaitRuns(m, "w", 1)
		t.sleep(t.period() / 2)
		assert.Len(t, t.calls("w"), 1, "attempts")
		assert.ErrorIs(t, s.Last.Err, errHopeless, "the error in the status")
		assert.EqualError(t, s.Last.Err, "row 7: hopeless", "the error in the status")
	}},
	{rule: "ERR-5", name: "the-backoff-is-asked-and-kept-to", needs: retries, run: func(t *trial) {
		asked := &asking{wait: func(failures int) time.Duration { return time.Duration(failures) * t.period() / 20 }}
		w := t.worker("w", core.Every(2*t.period()), fails)
		w.Retry = core.Retry{MaxAttempts: 4, Backoff: asked}
		m := t.running(core.Options{}, w)
		t.awaitRuns(m, "w", 1)
		assert.Equal(t, []int{1, 2, 3}, asked.failures(), "the numbers of failures that the backoff is asked for")
		t.waited("w", t.period()/20, t.period()*2/20, t.period()*3/20)
	}},
	{rule: "ERR-5", name: "no-backoff-is-a-second-then-twice-as-long", needs: retries, virtual: true, run: func(t *trial) {
		w := t.worker("w", core.Every(time.Hour), fails)
		w.Retry.MaxAttempts = 9
		m := t.running(core.Options{}, w)
		t.sleep(time.Hour + 10*time.Minute)
		t.waited("w", time.Second, 2*time.Second, 4*time.Second, 8*time.Second, 16*time.Second, 32*time.Second, time.Minute, time.Minute)
		assert.EqualValues(t, 1, t.status(m, "w").Runs, "runs")
	}},
	{rule: "ERR-5", name: "a-backoff-of-nothing-is-no-wait", needs: retries, run: func(t *trial) {
		w := t.worker("w", core.Every(2*t.period()), fails)
		w.Retry = core.Retry{MaxAttempts: 3, Backoff: &asking{wait: func(int) time.Duration { return -time.Hour }}}
		m := t.running(core.Options{}, w)
		t.awaitRuns(m, "w", 1)
		t.waited("w", 0, 0)
	}},
	{rule: "ERR-5", name: "exponential-doubles-the-wait-up-to-its-limit-and-constant-keeps-it", run: func(t *trial) {
		waits := func(b core.Backoff, failures ...int) (list []time.Duration) {
			for _, n := range failures {
				list = append(list, b.Wait(n))
			}
			return list
		}
		const s, most = time.Second, time.Duration(math.MaxInt64)
		for _, c := range []struct {
			what     string
			backoff  core.Backoff
			failures []int
			want     []time.Duration
		}{
			{"from 3s to 20s", core.Exponential(3*s, 20*s), []int{1, 2, 3, 4, 5, 1000}, []time.Duration{3 * s, 6 * s, 12 * s, 20 * s, 20 * s, 20 * s}},
			{"from 4s to 16s", core.Exponential(4*s, 16*s), []int{1, 2, 3, 4}, []time.Duration{4 * s, 8 * s, 16 * s, 16 * s}},
			{"from 1ns to an hour", core.Exponential(1, time.Hour), []int{1, 2, 3, 31, 60}, []time.Duration{1, 2, 4, 1 << 30, time.Hour}},
			{"without end", core.Exponential(1, most), []int{62, 63, 64, 1000}, []time.Duration{1 << 61, 1 << 62, most, most}},
			{"with a limit shorter than the first", core.Exponential(3*s, 2*s), []int{1, 2, 3}, []time.Duration{3 * s, 3 * s, 3 * s}},
			{"from nothing", core.Exponential(0, 2*s), []int{1, 2, 3}, []time.Duration{0, 0, 0}},
			{"from less than nothing", core.Exponential(-s, 2*s), []int{1, 2, 3}, []time.Duration{0, 0, 0}},
			{"with a limit of less than nothing", core.Exponential(-s, -2*s), []int{1, 2}, []time.Duration{0, 0}},
			{"constant", core.Constant(3 * s), []int{1, 2, 1000}, []time.Duration{3 * s, 3 * s, 3 * s}},
		} {
			assert.Equal(t, c.want, waits(c.backoff, c.failures...), "the waits %s, after %v failures", c.what, c.failures)
		}
	}},
	{rule: "ERR-5", name: "attempts-are-within-the-run", needs: retries, run: func(t *trial) {
		w := t.worker("w", core.Every(t.period()), fails)
		w.Retry = core.Retry{MaxAttempts: 2, Backoff: core.Constant(t.period() * 5 / 2)} // two slots fall due meanwhile
		m := t.running(core.Options{}, w)
		t.awaitCalls("w", 1)
		midway(t, t.period())
		assert.Equal(t, core.StateRunning, t.status(m, "w").State, "the state between two attempts")
		s := t.awaitRuns(m, "w", 1)
		calls := t.calls("w")
		require.GreaterOrEqual(t, len(calls), 2, "attempts")
		assert.Equal(t, calls[0].tick.ID(), calls[1].tick.ID(), "the tick of the second attempt, though later slots were due meanwhile")
		assert.EqualValues(t, 2, s.Skips.Overlap, "slots skipped, with reason overlap, between the attempts")
	}},
}

var errHopeless = fmt.Errorf("hopeless")

// waited wants that the waits between the attempts of a worker's first run were
// these, each at most as much longer as the engine may be late.
func (t *trial) waited(worker string, waits ...time.Duration) {
	calls := t.calls(worker)
	require.Greater(t, len(calls), len(waits), "attempts")
	for i, want := range waits {
		got := calls[i+1].begin.Sub(calls[i].end)
		assert.GreaterOrEqual(t, got, want, "the wait before attempt %d", i+2)
		assert.LessOrEqual(t, got, want+t.soon(), "the wait before attempt %d", i+2)
	}
}

// An asking is a Backoff that remembers what it was asked.
type asking struct {
	wait  func(failures int) time.Duration
	mu    sync.Mutex
	asked []int
}

// Wait implements core.Backoff.
func (a *asking) Wait(failures int) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, failures)
	return a.wait(failures)
}

func (a *asking) failures() []int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.asked)
}
