package core

import (
	"context"
	"log/slog"
	"time"
)

// What the manager logs about runs. Each asks first whether it is wanted: a
// tick that nobody logs builds no attributes.

func (m *manager) enabled(level slog.Level) bool {
	return m.opts.Logger.Enabled(context.Background(), level)
}

func (m *manager) logBegan(r *run) {
	if m.enabled(slog.LevelDebug) {
		m.opts.Logger.DebugContext(r, "tickwork: run began", "worker", r.job.worker.Name, "tick", r.tick().ID())
	}
}

func (m *manager) logAttempt(ctx context.Context, r *run, attempt int, err error, wait time.Duration) {
	if m.enabled(slog.LevelWarn) {
		m.opts.Logger.WarnContext(ctx, "tickwork: attempt failed, another follows", "worker", r.job.worker.Name, "tick", r.tick().ID(),
			"attempt", attempt, "error", err, "wait", wait)
	}
}

func (m *manager) logEnded(r *run, result Result) {
	level, message := slog.LevelDebug, "tickwork: run succeeded"
	switch result.Outcome {
	case Failed:
		level, message = slog.LevelError, "tickwork: run failed"
	case Cancelled:
		level, message = slog.LevelInfo, "tickwork: run cancelled"
	case LeaseLost:
		level, message = slog.LevelWarn, "tickwork: run lost its lease"
	}
	if !m.enabled(level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("worker", r.job.worker.Name),
		slog.String("tick", r.tick().ID()),
		slog.Int("attempt", result.Attempts),
		slog.Duration("duration", r.duration),
	}
	if result.Err != nil {
		attrs = append(attrs, slog.Any("error", result.Err))
		if panicked := asPanic(result.Err); panicked != nil {
			attrs = append(attrs, slog.String("stack", string(panicked.Stack)))
		}
	}
	m.opts.Logger.LogAttrs(r.innermost(), level, message, attrs...)
}

// logSkip logs slots that were skipped. Tick is the tick of the first slot.
func (m *manager) logSkip(tick Tick, slots Slots, reason SkipReason) {
	level := slog.LevelInfo
	if reason == ReasonMissed || reason == ReasonRefused {
		level = slog.LevelWarn
	}
	if !m.enabled(level) {
		return
	}
	attrs := []slog.Attr{slog.String("worker", tick.Worker), slog.String("tick", tick.ID()), slog.String("reason", reason.String())}
	if tick.Manual == "" {
		attrs = append(attrs, slog.Time("first", slots.First.UTC()), slog.Time("last", slots.Last.UTC()))
	}
	m.opts.Logger.LogAttrs(context.Background(), level, "tickwork: slots skipped", append(attrs, slog.Int("count", slots.N))...)
}
