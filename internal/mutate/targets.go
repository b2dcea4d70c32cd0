package main

// A target is a package to mutate, and the tests that should notice.
type target struct {
	dir    string // the package, relative to the module
	public suite  // the public conformance suite
	others []suite
}

// A suite is some tests of one package.
type suite struct {
	dir string // the package, relative to the module
	run string // -test.run; empty runs all tests
}

// targets are the packages that can be mutated.
var targets = []target{
	{dir: "core", public: suite{"conformance", "TestNative$"}, others: []suite{{dir: "core"}}},
	{dir: "internal/cron", public: suite{"conformance", "TestNative$"}, others: []suite{{dir: "internal/cron"}, {dir: "core"}}},
	{dir: "core/ledger", public: suite{"core/ledger", "TestConformance$"}, others: []suite{{dir: "core/ledger"}, {dir: "core/ledger/ledgertest"}}},
	{dir: "backends/native", public: suite{"conformance", "TestNative$"}, others: []suite{{dir: "backends/native"}}},
	{dir: "backends/gocron", public: suite{"backends/gocron", "TestConformance$"}, others: []suite{{dir: "backends/gocron"}}},
	{dir: "backends/asynq", public: suite{"backends/asynq", "TestConformance$"}, others: []suite{{dir: "backends/asynq"}}},
	{dir: "backends/nats", public: suite{"backends/nats", "TestConformance$"}, others: []suite{{dir: "backends/nats"}}},
}

func targetOf(dir string) (target, bool) {
	for _, t := range targets {
		if t.dir == dir {
			return t, true
		}
	}
	return target{}, false
}
