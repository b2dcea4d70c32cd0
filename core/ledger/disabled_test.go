package ledger_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

// moody is a dispatcher whose Start fails at first.
type moody struct {
	failures   int
	dispatched []core.Tick
	stopped    bool
}

func (m *moody) Start(_ context.Context, host core.Host, in ledger.Inbox) error {
	if !host.Disabled || in.Open() {
		return errors.New("the inbox is open")
	}
	if m.failures--; m.failures >= 0 {
		return errors.New("not in the mood")
	}
	return nil
}

func (m *moody) Dispatch(_ context.Context, tick core.Tick) error {
	m.dispatched = append(m.dispatched, tick)
	return nil
}

func (m *moody) Stop(context.Context) error {
	m.stopped = true
	return nil
}

// The engine of a disabled manager starts at a later call if the first have failed,
// dispatches what is triggered, and is not in the registry (CTL-4).
func TestTheEngineOfADisabledManager(t *testing.T) {
	for name, polled := range map[string]bool{"watching": false, "polling": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				inMemory := ledger.NewMemory().Store("n")
				var store ledger.Store = inMemory
				if polled {
					store = inMemory.Polled()
				}
				d := &moody{failures: 2}
				engine, err := ledger.NewEngine(ledger.Config{Name: "mine", Store: store, Dispatcher: d})
				require.NoError(t, err)
				m := core.NewManager(engine, core.Options{Logger: slog.New(slog.DiscardHandler), Disabled: true})
				require.NoError(t, m.Add(t.Context(), core.Worker{Name: "w", Schedule: core.Every(time.Second), Run: func(context.Context) error { return nil }}))
				require.NoError(t, m.Start(t.Context()))
				for range 2 {
					require.ErrorContains(t, m.Pause(t.Context(), "w"), "not in the mood")
				}
				require.NoError(t, m.Pause(t.Context(), "w"))
				time.Sleep(10 * ledger.DefaultLease) // longer than anything is waited for
				tick, err := m.Trigger(t.Context(), "w")
				require.NoError(t, err)
				assert.Equal(t, []core.Tick{tick}, d.dispatched)
				members, err := inMemory.Instances(t.Context())
				require.NoError(t, err)
				assert.Empty(t, members, "the registry")
				require.NoError(t, m.Stop(t.Context()))
				assert.True(t, d.stopped, "the dispatcher was stopped")
			})
		})
	}
}
