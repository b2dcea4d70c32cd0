package ledgertest_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/seed-891a2e1b/tickwork/core/ledger"
	"github.com/seed-891a2e1b/tickwork/core/ledger/ledgertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMemory(t *testing.T) {
	for name, polled := range map[string]bool{"watched": false, "polled": true} {
		for clock, wall := range map[string]bool{"virtual": false, "real": true} {
			t.Run(name+"/"+clock, func(t *testing.T) {
				if wall {
					t.Parallel() // it mostly waits
				}
				ledgertest.Run(t, ledgertest.Backend{
					Name:      "memory, " + name,
					WallClock: wall,
					New: func(*testing.T) ledgertest.Broker {
						m := ledger.NewMemory()
						open := func(namespace string) func() ledger.Store {
							return func() ledger.Store {
								if polled {
									return m.Store(namespace).Polled()
								}
								return m.Store(namespace)
							}
						}
						return ledgertest.Broker{Open: open("test"), Other: open("test2"), Lose: m.Lose, Down: m.Down}
					},
				})
			})
		}
	}
}
