// Package covered is a backend of which the suite executes one file of two.
package covered

import (
	"github.com/seed-891a2e1b/tickwork/backends/native"
	"github.com/seed-891a2e1b/tickwork/core"
)

// Open opens a manager.
func Open(opts core.Options) (core.Manager, error) { return native.New(native.Config{}, opts) }
