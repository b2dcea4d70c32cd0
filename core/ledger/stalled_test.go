package ledger_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

// stalled is a store over servers that at times do not agree: what is written then is
// done in its turn when they do again, whoever has given up waiting for it. What is
// read is what there is.
type stalled struct {
	ledger.Store
	mu     sync.Mutex
	stalls bool
	turns  []chan struct{}
}

func (s *stalled) stall(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stalls = true
	time.AfterFunc(d, s.agree)
}

func (s *stalled) agree() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, turn := range s.turns {
		turn <- struct{}{}
		<-turn
	}
	s.stalls, s.turns = false, nil
}

// inTurn does what is to be done when its turn has come, and gives its answer to who
// still waits.
func inTurn[T any](ctx context.Context, s *stalled, do func(context.Context) (T, error)) (T, error) {
	s.mu.Lock()
	if !s.stalls {
		defer s.mu.Unlock()
		return do(ctx)
	}
	turn := make(chan struct{})
	s.turns = append(s.turns, turn)
	s.mu.Unlock()
	type answer struct {
		value T
		err   error
	}
	answered := make(chan answer, 1)
	go func() {
		<-turn
		value, err := do(context.WithoutCancel(ctx))
		answered <- answer{value, err}
		turn <- struct{}{}
	}()
	select {
	case a := <-answered:
		return a.value, a.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}

func (s *stalled) WriteLease(ctx context.Context, w ledger.Write) (ledger.State, error) {
	return inTurn(ctx, s, func(ctx context.Context) (ledger.State, error) { return s.Store.WriteLease(ctx, w) })
}

func (s *stalled) WriteControl(ctx context.Context, w ledger.Write) (ledger.State, error) {
	return inTurn(ctx, s, func(ctx context.Context) (ledger.State, error) { return s.Store.WriteControl(ctx, w) })
}

func (s *stalled) Beat(ctx context.Context, instance string, roster []byte) (ledger.Pulse, error) {
	return inTurn(ctx, s, func(ctx context.Context) (ledger.Pulse, error) { return s.Store.Beat(ctx, instance, roster) })
}

// onStalled runs a test with an instance on such a store, of both kinds.
func onStalled(t *testing.T, w core.Worker, f func(t *testing.T, s *stalled, m core.Manager, acc *account)) {
	for _, watches := range []bool{true, false} {
		t.Run(fmt.Sprintf("watches %t", watches), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				acc := newAccount()
				w := w
				w.Name = "w"
				if w.Run == nil {
					w.Run = acc.run
				}
				memory := ledger.NewMemory().Store("n")
				s := &stalled{Store: memory}
				store := ledger.Store(s)
				if watches {
					store = watching{s, memory.Watch}
				}
				m := acc.join(t, "a", store, w)
				f(t, s, m, acc)
				require.NoError(t, m.Stop(t.Context()))
			})
		})
	}
}

// stallAtSlots has servers not agree from a second before each of five slots of ten
// seconds on, so that what is written of it is done four seconds after its instance has
// given up waiting for an answer, and has read that it was not. There are eight slots
// when it returns.
func stallAtSlots(s *stalled) {
	time.Sleep(25 * time.Second)
	for range 5 {
		time.Sleep(time.Until(time.Now().Truncate(10 * time.Second).Add(19 * time.Second)))
		s.stall(6 * time.Second)
	}
	time.Sleep(9 * time.Second)
}

// A claim that is done late is run.
func TestAClaimThatIsDoneLateIsRun(t *testing.T) {
	for _, atMostOnce := range []bool{false, true} {
		t.Run(fmt.Sprintf("at most once %t", atMostOnce), func(t *testing.T) {
			onStalled(t, core.Worker{Schedule: core.Every(10 * time.Second), AtMostOnce: atMostOnce}, func(t *testing.T, s *stalled, m core.Manager, acc *account) {
				stallAtSlots(s)
				assert.EqualValues(t, 8, m.Workers()[0].Runs)
				ran, skips := acc.counts()
				assert.Equal(t, 8, ran, "slots that have run")
				assert.Zero(t, skips, "slots that were skipped")
			})
		})
	}
}

// A slot that is passed over late is told of, once.
func TestASkipThatIsDoneLateIsTold(t *testing.T) {
	onStalled(t, core.Worker{Schedule: core.Every(10 * time.Second)}, func(t *testing.T, s *stalled, m core.Manager, acc *account) {
		require.NoError(t, m.Pause(t.Context(), "w"))
		stallAtSlots(s)
		ran, skips := acc.counts()
		assert.Zero(t, ran, "slots that have run")
		assert.Equal(t, 8, skips, "slots that were skipped")
	})
}

// A pause, a resume, a trigger is done when its answer is not waited for any more: it is
// not said to have failed.
func TestARequestThatIsDoneLateHasNotFailed(t *testing.T) {
	onStalled(t, core.Worker{Schedule: core.Every(24 * time.Hour)}, func(t *testing.T, s *stalled, m core.Manager, acc *account) {
		time.Sleep(time.Minute)
		for i := range 3 {
			s.stall(3 * time.Second)
			require.NoError(t, m.Pause(t.Context(), "w"))
			s.stall(3 * time.Second)
			require.NoError(t, m.Resume(t.Context(), "w"))
			s.stall(3 * time.Second)
			require.NoError(t, errOf(m.Trigger(t.Context(), "w")))
			time.Sleep(time.Minute)
			require.EqualValues(t, i+1, m.Workers()[0].Runs)
		}
	})
}

// What is claimed late is renewed in time: a run that takes a while is not cut off.
func TestARunOfAClaimThatIsDoneLateIsNotCutOff(t *testing.T) {
	var ended, cut atomic.Int32
	run := func(ctx context.Context) error {
		select {
		case <-time.After(5 * time.Second):
			ended.Add(1)
		case <-ctx.Done():
			cut.Add(1)
		}
		return nil
	}
	for _, w := range []core.Worker{{Run: run}, {Run: run, AtMostOnce: true}} {
		w.Schedule = core.Every(30 * time.Second)
		for stall := 6 * time.Second; stall <= 9*time.Second; stall += time.Second {
			t.Run(fmt.Sprintf("at most once %t, stalls for %s", w.AtMostOnce, stall), func(t *testing.T) {
				onStalled(t, w, func(t *testing.T, s *stalled, m core.Manager, acc *account) {
					ended.Store(0)
					time.Sleep(29 * time.Second)
					for range 4 {
						s.stall(stall)
						time.Sleep(30 * time.Second)
					}
					_, skips := acc.counts()
					assert.EqualValues(t, 4, ended.Load(), "runs that came to their end")
					assert.Zero(t, cut.Load(), "runs that were cut off")
					assert.Zero(t, skips, "slots that were skipped")
				})
			})
		}
	}
}

// What is claimed late while Stop waits for a run is handed back.
func TestAClaimThatIsDoneLateIsHandedBack(t *testing.T) {
	for _, atMostOnce := range []bool{false, true} {
		t.Run(fmt.Sprintf("at most once %t", atMostOnce), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				acc := newAccount()
				memory := ledger.NewMemory()
				store := memory.Store("n")
				s := &stalled{Store: store}
				w := core.Worker{Name: "w", Schedule: core.Every(30 * time.Second), AtMostOnce: atMostOnce, Run: func(ctx context.Context) error {
					if tick, _ := core.TickFrom(ctx); tick.Redelivered {
						t.Error(tick.ID(), "is delivered again")
					}
					return acc.run(ctx)
				}}
				stops := acc.join(t, "a", watching{s, store.Watch}, w)
				require.NoError(t, stops.Add(t.Context(), core.Worker{Name: "busy", Schedule: core.Every(20 * time.Second), Run: func(context.Context) error {
					time.Sleep(19 * time.Second)
					return nil
				}}))
				time.Sleep(time.Until(time.Now().Truncate(30 * time.Second).Add(29 * time.Second)))
				s.stall(6 * time.Second) // the claim of w is pending after three, and busy runs until ten
				time.Sleep(4 * time.Second)
				require.NoError(t, stops.Stop(t.Context()))
				ran, _ := acc.counts()
				require.Zero(t, ran)
				goesOn := acc.join(t, "b", memory.Store("n"), w)
				time.Sleep(time.Second)
				ran, _ = acc.counts()
				assert.Equal(t, 1, ran, "the slot runs on the other instance")
				require.NoError(t, goesOn.Stop(t.Context()))
			})
		})
	}
}
