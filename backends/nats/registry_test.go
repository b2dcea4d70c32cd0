package nats

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/internal/natstest"
)

// An instance that beats while the registry is listed is in the list, with its roster:
// one that is missing was taken for dead, and taken out.
func TestAnInstanceThatBeatsWhileTheRegistryIsListedIsInTheList(t *testing.T) {
	server, err := natstest.New()
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, server.Stop()) })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	open := func(name string) *store {
		s := newStore(Config{URL: server.URL(), Lease: DefaultLease})
		require.NoError(t, s.Open(ctx, core.Host{Logger: slog.New(slog.DiscardHandler), Instance: name, Now: time.Now}))
		_, err := s.Beat(ctx, name, []byte(name))
		require.NoError(t, err)
		return s
	}
	lister := open("lister")
	var beats sync.WaitGroup
	beating, stop := context.WithCancel(ctx)
	var stores []*store
	for i := range 4 {
		name := fmt.Sprint("n", i)
		s := open(name)
		stores = append(stores, s)
		beats.Go(func() {
			for beating.Err() == nil {
				if _, err := s.Beat(ctx, name, []byte(name)); !assert.NoError(t, err) {
					return
				}
			}
		})
	}
	for range 300 {
		members, err := lister.Instances(ctx)
		require.NoError(t, err)
		for _, m := range members {
			require.Equal(t, m.Instance, string(m.Roster), "the roster of %s", m.Instance)
			require.NotZero(t, m.Seen, m.Instance)
		}
	}
	stop()
	beats.Wait()
	members, err := lister.Instances(ctx)
	require.NoError(t, err)
	require.Len(t, members, 5, "instances that are alive")
	for _, s := range append(stores, lister) {
		assert.NoError(t, s.Close(ctx))
	}
}
