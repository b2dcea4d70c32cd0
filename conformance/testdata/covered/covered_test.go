package covered_test

import (
	"testing"

	"github.com/seed-891a2e1b/tickwork/conformance"
	"github.com/seed-891a2e1b/tickwork/conformance/testdata/covered"
)

func TestMain(m *testing.M) { conformance.Main(m, nil) }

func TestDead(t *testing.T) {
	if covered.Dead(1) != 1 {
		t.Error("want 1")
	}
}

func TestConformance(t *testing.T) {
	conformance.Run(t, conformance.Backend{Name: "covered", Open: covered.Open, Only: []string{"REG-4"}})
}
