package core_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

// TestFeaturesCheck: a manager written from scratch refuses a worker as NewManager's does.
func TestFeaturesCheck(t *testing.T) {
	f := core.Features{Engine: "mine", MinPeriod: time.Second, Lacks: []core.Feature{core.FeatureDisabled, core.FeatureCron}}
	run := func(context.Context) error { return nil }
	for _, try := range []struct {
		worker core.Worker
		field  string
		err    error
	}{
		{core.Worker{Name: "w", Schedule: core.Every(time.Second), Run: run}, "", nil},
		{core.Worker{Name: "", Schedule: core.Every(time.Second), Run: run}, "Name", core.ErrInvalidWorker},
		{core.Worker{Name: "w", Schedule: core.Every(time.Second), Run: run, Disabled: true}, "Disabled", core.ErrUnsupported},
		{core.Worker{Name: "w", Schedule: core.Cron("@daily"), Run: run}, "Schedule", core.ErrUnsupported},
		{core.Worker{Name: "w", Schedule: core.Every(time.Millisecond), Run: run}, "Schedule", core.ErrUnsupported},
	} {
		err := f.Check(try.worker, time.Now())
		if try.err == nil {
			require.NoError(t, err)
			continue
		}
		require.ErrorIs(t, err, try.err)
		var refused *core.WorkerError
		require.ErrorAs(t, err, &refused)
		assert.Equal(t, try.field, refused.Field)
	}
}

func TestContain(t *testing.T) {
	failure := errors.New("no paper")
	contain := func(f func() error) error {
		return core.Contain(t.Context(), func(context.Context) error { return f() })
	}
	require.NoError(t, contain(func() error { return nil }))
	require.Equal(t, failure, contain(func() error { return failure }))
	var crash *core.PanicError
	require.ErrorAs(t, contain(func() error { panic("kaboom") }), &crash)
	require.Equal(t, "kaboom", crash.Value)
	require.ErrorIs(t, contain(func() error { runtime.Goexit(); return nil }), core.ErrGoexit)
}
