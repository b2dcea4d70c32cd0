package conformance_test

import (
	"fmt"
	"testing"

	"github.com/seed-891a2e1b/tickwork/backends/native"
	"github.com/seed-891a2e1b/tickwork/conformance"
	"github.com/seed-891a2e1b/tickwork/core"
)

// The test of a backend of your own is this one call, with your New in the place
// of native's. To run one case again, go test -run 'TestConformance/PER-5'.
func ExampleRun() {
	// In a file of your own this is func TestConformance(t *testing.T).
	_ = func(t *testing.T) {
		conformance.Run(t, conformance.Backend{
			Name: "mine",
			Open: func(opts core.Options) (core.Manager, error) {
				return native.New(native.Config{}, opts)
			},
		})
	}
}

// In real time a case takes as long as it says, so there it is left out of a
// short run.
func ExampleRun_wallClock() {
	_ = func(t *testing.T) {
		if testing.Short() {
			t.Skip("minutes of real time")
		}
		conformance.Run(t, conformance.Backend{
			Name:      "mine",
			Open:      func(opts core.Options) (core.Manager, error) { return native.New(native.Config{}, opts) },
			WallClock: true,
		})
	}
}

func ExampleRules() {
	for _, r := range conformance.Rules() {
		if r.ID == "PER-5" {
			fmt.Printf("%s (%s): %s\n", r.ID, r.Group, r.Text)
		}
	}
	// Output: PER-5 (Period): A worker never overlaps itself: a slot that falls due while the worker runs is skipped, with reason overlap.
}
