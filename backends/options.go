package backends

import (
	"cmp"
	"context"
	"log/slog"

	"github.com/seed-891a2e1b/tickwork/core"
)

// options returns a program's options with what the configuration says in place
// of theirs.
func (c Config) options(opts core.Options) core.Options {
	opts.Disabled = opts.Disabled || c.Enabled != nil && !*c.Enabled
	opts.Instance = cmp.Or(c.Instance, opts.Instance)
	opts.ConnectTimeout = cmp.Or(c.ConnectTimeout, opts.ConnectTimeout)
	if c.MaxConcurrent != nil {
		opts.MaxConcurrent = *c.MaxConcurrent
	}
	if c.StopGrace != nil {
		opts.StopGrace = cmp.Or(*c.StopGrace, -1) // in core zero is the default, and negative is none
	}
	if c.LogLevel != nil {
		opts.Logger = atLevel(opts.Logger, *c.LogLevel)
	}
	return opts
}

// atLevel returns a logger that writes to the handler of another, or of
// slog.Default() if that is nil, what is of a level or above it, and nothing
// else.
func atLevel(logger *slog.Logger, level slog.Level) *slog.Logger {
	if logger == nil {
		logger = slog.Default()
	}
	return slog.New(leveled{logger.Handler(), level})
}

// leveled is a handler with another level. Whether a record is wanted is its own
// decision, so that it lets through also what the handler would not ask for.
type leveled struct {
	slog.Handler
	level slog.Level
}

func (l leveled) Enabled(_ context.Context, level slog.Level) bool { return level >= l.level }

func (l leveled) WithAttrs(attrs []slog.Attr) slog.Handler {
	return leveled{l.Handler.WithAttrs(attrs), l.level}
}

func (l leveled) WithGroup(name string) slog.Handler {
	return leveled{l.Handler.WithGroup(name), l.level}
}
