package backends

import (
	"cmp"
	"context"
	"log/slog"

	"github.com/seed-891a2e1b/tickwork/core"
)

// options returns a program's options with those in the configuration in their place.
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

// atLevel returns a logger that gives the handler of another logger the records of a
// level and above. If the other logger is nil it uses slog.Default().
func atLevel(logger *slog.Logger, level slog.Level) *slog.Logger {
	if logger == nil {
		logger = slog.Default()
	}
	return slog.New(leveled{logger.Handler(), level})
}

// leveled is a handler with another level. It decides alone whether a record is
// enabled, so that it also passes on records for which the handler is not enabled.
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
