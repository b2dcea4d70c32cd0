package conformance

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/seed-891a2e1b/tickwork/backends/native"
	"github.com/seed-891a2e1b/tickwork/core"
)

// In real time the managers of a case have the clock that a program's have, unless
// the case says that it sets it; one that does not say so cannot.
func TestClockInRealTime(t *testing.T) {
	var given bool
	b := Backend{Name: "native", WallClock: true, Open: func(opts core.Options) (core.Manager, error) {
		given = opts.Now != nil
		return native.New(native.Config{}, opts)
	}}
	f := features(t, b)
	assert.False(t, given, "Options.Now, where the features are asked for")
	open := func(t *trial) { t.open(core.Options{}) }
	sets := func(t *trial) { t.open(core.Options{}); t.clock.jump(1) }
	for _, try := range []struct {
		name   string
		kase   kase
		real   bool
		given  bool
		status Status
	}{
		{"virtual", kase{rule: "PER-2", run: sets}, false, true, Passed},
		{"real", kase{rule: "PER-2", run: open}, true, false, Passed},
		{"real, and says so", kase{rule: "PER-2", run: sets, setsClock: true}, true, true, Passed},
		{"real, and does not say so", kase{rule: "PER-2", run: sets}, true, false, Failed},
	} {
		b.WallClock = try.real
		v := judge(t, try.name, b, try.kase, f, nil)
		assert.Equal(t, try.status, v.Status, try.name)
		assert.Equal(t, try.given, given, "Options.Now: %s", try.name)
	}
}
