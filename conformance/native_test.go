package conformance_test

import (
	"os"
	"testing"

	"github.com/seed-891a2e1b/tickwork/backends/native"
	"github.com/seed-891a2e1b/tickwork/conformance"
	"github.com/seed-891a2e1b/tickwork/core"
)

func open(opts core.Options) (core.Manager, error) { return native.New(native.Config{}, opts) }

func TestNative(t *testing.T) {
	conformance.Run(t, conformance.Backend{Name: "native", Open: open})
}

func TestNativeWallClock(t *testing.T) {
	if os.Getenv("TICKWORK_WALL_CLOCK") == "" {
		t.Skip("real time wants a machine of its own: set TICKWORK_WALL_CLOCK=1")
	}
	conformance.Run(t, conformance.Backend{Name: "native", Open: open, WallClock: true})
}
