package main

import (
	"fmt"
	"time"

	"github.com/seed-891a2e1b/tickwork/backends"
	"github.com/seed-891a2e1b/tickwork/core"
)

// Config is the section "metronome" of the configuration.
type Config struct {
	// Beat is the time between two beats. Zero is 100ms.
	Beat time.Duration `yaml:"beat"`
}

// New returns a manager over a metronome.
func New(cfg Config, opts core.Options) (core.Manager, error) {
	if cfg.Beat < 0 {
		return nil, &core.ConfigError{Engine: "metronome", Field: "Beat", Err: fmt.Errorf("must not be negative, got %s", cfg.Beat)}
	}
	if cfg.Beat == 0 {
		cfg.Beat = 100 * time.Millisecond
	}
	return core.NewManager(&metronome{beat: cfg.Beat}, opts), nil
}

// This makes "backend: metronome" in a file, and the URL metronome://?beat=1s,
// select the engine.
func init() {
	backends.Register(backends.Driver[Config]{Name: "metronome", New: New})
}
