package ledgertest

import (
	"context"
	"errors"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

// An operation is a method of a store.
type operation struct {
	name string
	call func(context.Context, ledger.Store) error
}

var operations = []operation{
	{"Load", func(ctx context.Context, s ledger.Store) error {
		_, err := s.Load(ctx, []string{"w", "x"})
		return err
	}},
	{"WriteLease", func(ctx context.Context, s ledger.Store) error {
		_, err := s.WriteLease(ctx, ledger.Write{Worker: "w", Value: value("1")})
		return err
	}},
	{"WriteControl", func(ctx context.Context, s ledger.Store) error {
		_, err := s.WriteControl(ctx, ledger.Write{Worker: "w", Value: value("1")})
		return err
	}},
	{"Beat", func(ctx context.Context, s ledger.Store) error {
		_, err := s.Beat(ctx, "a", value("roster"))
		return err
	}},
	{"Leave", func(ctx context.Context, s ledger.Store) error { return s.Leave(ctx, "b") }},
	{"Instances", func(ctx context.Context, s ledger.Store) error {
		_, err := s.Instances(ctx)
		return err
	}},
}

var contextCases = []kase{
	{"context", "that-has-ended", "an operation whose context has ended returns soon, with an error", func(t *trial) {
		a := t.open()
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		for _, op := range operations {
			err := t.within(soon, op.name, func() error { return op.call(ctx, a.Store) })
			require.Error(t, err, "%s with a context that has ended", op.name)
			require.NotErrorIs(t, err, ledger.ErrConflict, "%s with a context that has ended", op.name)
		}
		a.wroteLease(ledger.Write{Worker: "y", Value: value("the store goes on")})
	}},
	{"context", "that-ends-while-the-broker-is-away", "an operation returns soon after its context has ended, also where the broker does not answer", func(t *trial) {
		if t.broker.Down == nil {
			t.skip("the Broker has no Down")
		}
		a := t.open()
		a.wroteLease(ledger.Write{Worker: "before", Value: value("1")})
		t.broker.Down(true)
		for _, op := range operations {
			for _, patience := range []time.Duration{50 * time.Millisecond, 300 * time.Millisecond} {
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				err := t.within(patience+soon/4, op.name, func() error { return op.call(ctx, a.Store) })
				cancel()
				require.Error(t, err, "%s while the broker is away", op.name)
				require.NotErrorIs(t, err, ledger.ErrConflict, "%s while the broker is away", op.name)
			}
			ctx, cancel := context.WithCancel(context.Background())
			time.AfterFunc(50*time.Millisecond, cancel)
			require.Error(t, t.within(50*time.Millisecond+soon/4, op.name+", cancelled", func() error { return op.call(ctx, a.Store) }))
		}
		t.broker.Down(false)
		t.eventually("the same store reads again", func() bool {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			states, err := a.Load(ctx, []string{"before"})
			return err == nil && states[0].Lease.Rev != 0
		})
		t.eventually("and writes", func() bool {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			_, err := a.Beat(ctx, "a", nil)
			return err == nil
		})
	}},
	{"context", "open-tries-until-its-context-ends", "Open tries until its context ends, and then returns soon, with an error", func(t *trial) {
		if t.broker.Down == nil {
			t.skip("the Broker has no Down")
		}
		t.broker.Down(true)
		s := t.broker.Open()
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		defer cancel()
		began := time.Now()
		err := t.within(300*time.Millisecond+soon/2, "Open", func() error { return s.Open(ctx, t.host()) })
		require.Error(t, err, "Open while the broker is away")
		require.GreaterOrEqual(t, time.Since(began), 200*time.Millisecond, "how long Open has tried")

		late := t.broker.Open()
		time.AfterFunc(200*time.Millisecond, func() { t.broker.Down(false) })
		t.opened(late).wroteLease(ledger.Write{Worker: "w", Value: value("1")})
	}},
	{"context", "open-again-after-it-failed", "Open that has failed can be called again, and succeeds when the broker is back", func(t *trial) {
		if t.broker.Down == nil {
			t.skip("the Broker has no Down")
		}
		wrote := t.open().wroteLease(ledger.Write{Worker: "w", Value: value("1")})
		s := t.broker.Open()
		for range 2 {
			t.broker.Down(true)
			ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
			require.Error(t, t.within(300*time.Millisecond+soon/2, "Open", func() error { return s.Open(ctx, t.host()) }), "Open while the broker is away")
			cancel()
			t.broker.Down(false)
		}
		again := t.opened(s)
		t.present(wrote, again.read("w"), "to a store that was opened again after Open failed")
		again.wroteControl(ledger.Write{Worker: "w", Value: value("2"), Rev: wrote.Control.Rev})
		again.beat("again", value("roster"))
	}},
	{"context", "an-error-is-no-conflict", "a write that fails for another reason than a conflict does not say that it is one", func(t *trial) {
		if t.broker.Down == nil {
			t.skip("the Broker has no Down")
		}
		a := t.open()
		s := a.wroteLease(ledger.Write{Worker: "w", Value: value("1")})
		t.broker.Down(true)
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		_, err := a.WriteLease(ctx, ledger.Write{Worker: "w", Value: value("2"), Rev: s.Lease.Rev})
		require.Error(t, err)
		require.NotErrorIs(t, err, ledger.ErrConflict)
		t.broker.Down(false)
		t.eventually("the record is as it was, or as it was to be", func() bool {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			states, err := a.Load(ctx, []string{"w"})
			return err == nil && (string(states[0].Lease.Value) == string(value("1")) || string(states[0].Lease.Value) == string(value("2")))
		})
	}},
}

// within wants a call to return in time, and returns its error.
func (t *trial) within(d time.Duration, what string, call func() error) error {
	t.Helper()
	result := make(chan error, 1)
	go func() { result <- call() }()
	select {
	case err := <-result:
		return err
	case <-time.After(d):
		t.Errorf("%s has not returned within %s", what, d)
		t.FailNow()
		return errors.New("unreachable")
	}
}
