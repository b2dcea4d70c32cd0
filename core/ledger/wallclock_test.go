package ledger_test

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

// settable is a wall clock that can be set.
type settable struct{ ahead atomic.Int64 }

func (s *settable) now() time.Time        { return time.Now().Add(time.Duration(s.ahead.Load())) }
func (s *settable) step(d time.Duration)  { s.ahead.Add(int64(d)) }
func (s *settable) options() core.Options { return core.Options{Now: s.now} }
func asking(d time.Duration) core.Worker {
	return core.Worker{Name: "w", Schedule: core.Every(time.Hour), Run: asks(d)}
}
func asks(d time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
		}
		return nil
	}
}

// A step of the wall clock, in whichever direction and however far, cancels no run
// whose lease is renewed, and its end is recorded (CLU-10).
func TestAStepOfTheClockCancelsNoRun(t *testing.T) {
	for _, w := range []core.Worker{
		asking(time.Minute), {Name: "w", Schedule: core.Every(time.Hour), Run: lasting(time.Minute)}, // one that does not ask
	} {
		for _, step := range []time.Duration{time.Second, lease, -lease, lease * 9 / 10, 24 * time.Hour, -24 * time.Hour} {
			inCluster(t, 0, func(cl *cluster) {
				var clock settable
				holder := cl.join(clock.options())
				cl.add(w)
				cl.start()
				cl.align(time.Hour)
				other := cl.join(core.Options{})
				cl.add(w, other)
				cl.start(other)
				for i := range 10 { // wherever between two renewals
					time.Sleep(3*time.Second + time.Duration(i)*100*time.Millisecond)
					clock.step(step)
				}
				time.Sleep(30 * time.Second)
				runs := cl.of("w")
				require.Len(cl.t, runs, 1, "the runs, of which the clock of the first was set by %s: %s", step, cl.tell(runs[0].tick))
				require.NoError(cl.t, runs[0].err)
				for _, n := range cl.nodes {
					last := n.status("w").Last
					require.NotNil(cl.t, last, n.name)
					require.Equal(cl.t, core.Succeeded, last.Outcome, n.name)
					require.Equal(cl.t, holder.name, last.Instance, n.name)
				}
			})
		}
	}
}

// A machine that was suspended has seen the time by its wall clock alone. A run on it
// that asks learns of that as quickly as the broker answers, and one that does not
// when it is looked at, ten times in a lease; where the broker does not answer, within
// the time of a request.
func TestARunOfAMachineThatWasSuspended(t *testing.T) {
	for name, c := range map[string]struct {
		w      core.Worker
		cut    bool
		within time.Duration
	}{
		"asks":                   {w: asking(time.Minute), within: 20 * time.Millisecond},
		"does not":               {w: core.Worker{Name: "w", Schedule: core.Every(time.Hour), Run: lasting(time.Minute)}, within: lease/10 + time.Millisecond},
		"asks, without a broker": {w: asking(time.Minute), cut: true, within: lease/5 + 20*time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			inCluster(t, 0, func(cl *cluster) {
				var clock settable
				n := cl.join(clock.options())
				cl.add(c.w)
				cl.start()
				cl.align(time.Hour)
				time.Sleep(3 * time.Second) // a renewal has just been
				// Meanwhile another has taken over.
				state := cl.broker.Snapshot("test", "w")
				var theirs ledger.Lease
				require.NoError(cl.t, json.Unmarshal(state.Lease.Value, &theirs))
				theirs.Owner, theirs.Fence, theirs.Crashes = "another", theirs.Fence+1, 1
				state.Lease = ledger.Entry{Value: ledger.EncodeLease(theirs), Rev: state.Lease.Rev + 1<<40}
				cl.broker.Rewind("test", state)
				n.store.Cut(c.cut)
				clock.step(lease)
				back := time.Now()
				time.Sleep(3 * time.Second)
				run := cl.of("w")[0]
				require.ErrorIs(cl.t, run.cause, core.ErrLeaseLost)
				require.LessOrEqual(cl.t, run.ended.Sub(back), c.within, "from the machine's return to the run's end")
				require.Nil(cl.t, n.status("w").Last, "its late result")
			})
		})
	}
}
