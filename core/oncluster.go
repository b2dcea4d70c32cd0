package core

import (
	"context"
	"errors"
	"fmt"
)

// onCluster calls do, which acts on the cluster. On a disabled manager it first starts
// the engine, which only the first such call does, and bounds both by the context, or
// by ConnectTimeout if that has no deadline (CTL-4). Stop ends such a call, waits for
// it, and stops the engine. The op says what the call does: "pause worker w".
func (m *manager) onCluster(ctx context.Context, op string, do func(context.Context) error) error {
	if !m.opts.Disabled {
		return do(ctx)
	}
	if !m.beginOp(&m.starts, op) {
		return ErrStopped
	}
	defer m.end(&m.starts, op)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer m.onStopping(func() { cancel(ErrStopping) })()
	ctx, release := m.connecting(ctx)
	defer release()
	err := m.reach(ctx)
	if err == nil {
		err = do(ctx)
	}
	if err != nil {
		return m.stoppedMeanwhile(err)
	}
	return nil
}

// reach starts the engine of a disabled manager, unless it is up. Calls that come while
// another starts it wait for that, and try themselves if it has failed.
func (m *manager) reach(ctx context.Context) error {
	select {
	case m.reaching <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("reach the cluster, while another call tried: %w", sound(context.Cause(ctx)))
	}
	defer func() { <-m.reaching }()
	m.mu.Lock()
	up := m.engineUp
	m.mu.Unlock()
	if up {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("reach the cluster: %w", sound(context.Cause(ctx)))
	}
	if err := m.connect(ctx); err != nil {
		return fmt.Errorf("reach the cluster: %w", err)
	}
	m.mu.Lock()
	stopping := m.stop != nil
	m.engineUp = !stopping // then Stop stops it
	m.mu.Unlock()
	if !stopping {
		return nil
	}
	return errors.Join(ErrStopped, m.endEngine()()) // Stop may have given up waiting for Start
}
