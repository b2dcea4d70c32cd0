package conformance

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, longBackoffCases()) }

// longBackoffCases are what becomes of a long-running worker that returns.
func longBackoffCases() (cases []kase) {
	for _, c := range append([]crash{{name: "an-error", do: func() {}, is: func(*core.PanicError) bool { return false }}}, crashes...) {
		cases = append(cases, kase{rule: "LNG-2", name: "after-" + c.name + "-it-is-run-again", needs: longRunning, run: func(t *trial) {
			handler := &errorHandler{}
			w := t.worker("long", nil, func(context.Context) error { c.do(); return errBoom })
			w.Retry.Backoff = core.Constant(t.period() / 4)
			m := t.running(core.Options{OnError: handler.hear}, w)
			t.awaitRuns(m, "long", 3)
			t.waited("long", t.period()/4, t.period()/4)
			calls := t.calls("long")
			assert.NotEqual(t, calls[0].tick.ID(), calls[1].tick.ID(), "the ticks of two runs")
			t.eventually(t.soon(), "it waits to be run again", func() bool { return t.status(m, "long").State == core.StateBackoff })
			assert.NotEmpty(t, handler.heard(), "calls of the error handler")
			require.NoError(t, t.stopping(m).within(t.soon()), "Stop ends the wait")
		}})
	}
	return append(cases,
		kase{rule: "LNG-2", name: "the-backoff-grows", needs: longRunning, run: func(t *trial) {
			w := t.worker("long", nil, fails)
			w.Retry.Backoff = core.Exponential(t.period()/10, 10*t.period())
			m := t.running(core.Options{}, w)
			t.awaitRuns(m, "long", 5)
			t.waited("long", t.period()/10, t.period()/5, t.period()*2/5, t.period()*4/5)
		}},
		kase{rule: "LNG-2", name: "no-backoff-is-a-second-then-twice-as-long-up-to-a-minute", needs: longRunning, virtual: true, run: func(t *trial) {
			t.running(core.Options{}, t.worker("long", nil, fails))
			t.sleep(10 * time.Minute)
			t.waited("long", time.Second, 2*time.Second, 4*time.Second, 8*time.Second, 16*time.Second, 32*time.Second, time.Minute, time.Minute)
		}},
		kase{rule: "LNG-2", name: "the-backoff-resets-once-it-has-stayed-up", needs: longRunning, virtual: true, run: func(t *trial) {
			w := t.worker("long", nil, func(context.Context) error {
				if t.count("long") == 5 {
					time.Sleep(2 * time.Hour)
				}
				return errBoom
			})
			w.Retry.Backoff = core.Exponential(time.Minute, time.Hour)
			t.running(core.Options{}, w)
			t.sleep(3 * time.Hour)
			t.waited("long", time.Minute, 2*time.Minute, 4*time.Minute, 8*time.Minute,
				time.Minute, 2*time.Minute, 4*time.Minute) // the fifth run stayed up
		}},
		kase{rule: "LNG-2", name: "one-that-fails-at-once-after-a-long-backoff-has-not-stayed-up", needs: longRunning, virtual: true, run: func(t *trial) {
			w := t.worker("long", nil, fails)
			least := time.Hour
			if t.features.Distributed { // its own doings in a day are many
				least = 15 * time.Minute
			}
			w.Retry.Backoff = core.Exponential(least, 100*time.Hour)
			t.running(core.Options{}, w)
			t.sleep(20 * least)
			t.waited("long", least, 2*least, 4*least, 8*least)
		}},
		kase{rule: "LNG-2", name: "nil-is-done", needs: longRunning, run: func(t *trial) {
			w := t.worker("long", nil, nil)
			w.Retry.Backoff = core.Constant(t.period() / 10)
			m := t.running(core.Options{}, w)
			s := t.awaitRuns(m, "long", 1)
			assert.Equal(t, core.Succeeded, s.Last.Outcome, "the outcome")
			t.sleep(2 * t.period())
			assert.Equal(t, 1, t.count("long"), "runs")
			assert.Equal(t, core.StateDone, t.status(m, "long").State, "the state")
			assert.NoError(t, t.status(m, "long").Err, "the error: it came to a good end")
		}},
		kase{rule: "LNG-2", name: "nil-after-failures-is-done", needs: longRunning, run: func(t *trial) {
			w := t.worker("long", nil, func(context.Context) error {
				if t.count("long") < 3 {
					return errBoom
				}
				return nil
			})
			w.Retry.Backoff = core.Constant(t.period() / 10)
			m := t.running(core.Options{}, w)
			t.awaitRuns(m, "long", 3)
			t.sleep(t.period())
			assert.Equal(t, 3, t.count("long"), "runs")
			assert.Equal(t, core.StateDone, t.status(m, "long").State, "the state")
		}},
		kase{rule: "LNG-2", name: "the-backoff-is-not-asked-after-a-success", needs: longRunning, run: func(t *trial) {
			var asked atomic.Int32
			w := t.worker("long", nil, nil)
			w.Retry.Backoff = countedBackoff{core.Constant(t.period()), &asked}
			m := t.running(core.Options{}, w)
			t.awaitRuns(m, "long", 1)
			t.eventually(t.soon(), "it is done", func() bool { return t.status(m, "long").State == core.StateDone })
			assert.Zero(t, asked.Load(), "calls of the backoff, of a run that returned nil")
		}},
		kase{rule: "LNG-2", name: "one-that-gives-up-is-reported-once-as-broken", needs: longRunning, run: func(t *trial) {
			log, watch := newJournal(), &watcher{}
			w := t.worker("long", nil, func(context.Context) error { return core.Permanent(errHopeless) })
			twice := t.worker("twice", nil, fails)
			twice.Retry = core.Retry{MaxAttempts: 2, Backoff: core.Constant(t.period() / 10)}
			workers := []core.Worker{w}
			if t.features.Supports(core.FeatureRetry) {
				workers = append(workers, twice)
			}
			m := t.running(core.Options{Logger: slog.New(log), Observers: []core.Observer{watch.see}}, workers...)
			for _, w := range workers {
				t.eventually(t.period()+t.promptly(), "the status shows that it broke", func() bool { return t.status(m, w.Name).State == core.StateBroken })
				require.Error(t, t.status(m, w.Name).Err, "why %s broke, in its status", w.Name)
			}
			assert.ErrorIs(t, t.status(m, "long").Err, errHopeless, "why it broke, in its status")
			t.sleep(t.period())
			for _, w := range workers {
				broken := watch.seen(core.EventBroken, w.Name)
				require.Len(t, broken, 1, "events that %s broke", w.Name)
				assert.Error(t, broken[0].Err, "why %s broke, in the event", w.Name)
				last := t.status(m, w.Name).Last
				assert.Equal(t, last.Tick.ID(), broken[0].Tick.ID(), "the tick of the event, and the run in which %s gave up", w.Name)
				n := 0
				for _, r := range log.about(w.Name, slog.LevelError) {
					if strings.Contains(r.message, "worker stopped") {
						n++
						assert.NotEmpty(t, r.attrs["error"], "why %s broke, in the log record", w.Name)
					}
				}
				assert.Equal(t, 1, n, "log records of level ERROR that %s broke", w.Name)
			}
		}},
		kase{rule: "LNG-2", name: "a-permanent-error-ends-it", needs: longRunning, run: func(t *trial) {
			w := t.worker("long", nil, func(context.Context) error { return core.Permanent(errHopeless) })
			w.Retry.Backoff = core.Constant(t.period() / 10)
			m := t.running(core.Options{}, w)
			t.awaitRuns(m, "long", 1)
			t.sleep(t.period())
			assert.Equal(t, 1, t.count("long"), "runs")
		}},
		kase{rule: "LNG-2", name: "it-gives-up-after-as-many-failures-as-said", needs: []core.Feature{core.FeatureLongRunning, core.FeatureRetry}, run: func(t *trial) {
			w := t.worker("long", nil, fails)
			w.Retry = core.Retry{MaxAttempts: 3, Backoff: core.Constant(t.period() / 10)}
			m := t.running(core.Options{}, w)
			t.awaitRuns(m, "long", 3)
			t.sleep(t.period())
			assert.Equal(t, 3, t.count("long"), "runs")
		}},
	)
}

// countedBackoff counts how often a backoff is asked.
type countedBackoff struct {
	core.Backoff
	asked *atomic.Int32
}

// Wait counts, and asks the backoff.
func (c countedBackoff) Wait(failures int) time.Duration {
	c.asked.Add(1)
	return c.Backoff.Wait(failures)
}
