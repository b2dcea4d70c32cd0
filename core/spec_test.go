package core

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A job returns every field of its Worker as it was given, and a change of the
// caller's slices does not reach it.
func TestSpecKeepsEveryField(t *testing.T) {
	f := func(context.Context) error { return nil }
	given := Worker{
		Name: "w", Schedule: Every(time.Hour), Run: f, Timeout: 1, Retry: Retry{MaxAttempts: 2, Backoff: Constant(3)},
		Jitter: 4, MaxLate: 5, Scope: PerInstance, Misfire: SkipMissed, RunOnStart: true, AtMostOnce: true, Disabled: true,
		Middleware: []Middleware{through}, AttemptMiddleware: []Middleware{through, through}, OnStart: f, OnStop: f,
	}
	s := specOf(given)
	got := s.worker()
	for i, v := 0, reflect.ValueOf(got); i < v.NumField(); i++ {
		name, want := v.Type().Field(i).Name, reflect.ValueOf(given).Field(i)
		require.False(t, want.IsZero(), "this test sets %s", name)
		switch v.Field(i).Kind() {
		case reflect.Func:
			require.Equal(t, want.Pointer(), v.Field(i).Pointer(), name)
		case reflect.Slice:
			require.Equal(t, want.Len(), v.Field(i).Len(), name)
		default:
			require.Equal(t, want.Interface(), v.Field(i).Interface(), name)
		}
	}
	given.Middleware[0] = nil
	require.NotNil(t, s.worker().Middleware[0])
}

func through(ctx context.Context, next func(context.Context) error) error { return next(ctx) }
