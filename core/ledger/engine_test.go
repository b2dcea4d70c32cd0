package ledger_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

// noDispatcher is a Dispatcher that is never started.
type noDispatcher struct{}

func (*noDispatcher) Start(context.Context, core.Host, ledger.Inbox) error { return nil }
func (*noDispatcher) Dispatch(context.Context, core.Tick) error            { return nil }
func (*noDispatcher) Stop(context.Context) error                           { return nil }

func TestNewEngineRefusesAConfigThatCannotBeRight(t *testing.T) {
	store := ledger.NewMemory().Store("n")
	for _, c := range []struct {
		cfg    ledger.Config
		fields []string
	}{
		{ledger.Config{Name: "mine"}, []string{"Store"}},
		{ledger.Config{Name: "mine", Store: (*ledger.MemoryStore)(nil)}, []string{"Store"}},
		{ledger.Config{Store: store}, []string{"Name"}},
		{ledger.Config{Name: "mine", Store: store, Lease: -time.Second}, []string{"Lease"}},
		{ledger.Config{Name: "mine", Store: store, Lateness: -1}, []string{"Lateness"}},
		{ledger.Config{Name: "mine", Store: store, MinPeriod: -1}, []string{"MinPeriod"}},
		{ledger.Config{Name: "mine", Store: store, Dispatcher: (*noDispatcher)(nil)}, []string{"Dispatcher"}},
		{ledger.Config{Lease: -1}, []string{"Name", "Store", "Lease"}},
	} {
		engine, err := ledger.NewEngine(c.cfg)
		require.Error(t, err)
		require.Nil(t, engine)
		var first *core.ConfigError
		require.ErrorAs(t, err, &first)
		assert.Equal(t, c.fields[0], first.Field)
		for _, field := range c.fields {
			assert.ErrorContains(t, err, ": "+field+": ")
		}
	}
	_, err := ledger.NewEngine(ledger.Config{Name: "mine", Store: store})
	require.NoError(t, err)
}
