package main

// A target is a package to mutate, and the tests that should notice.
type target struct {
	dir    string  // the package, relative to the module
	public []suite // the public conformance suite, on the engines that show the package's faults
	others []suite
}

// A suite is some tests of one package.
type suite struct {
	dir string // the package, relative to the module
	run string // -test.run; empty runs all tests
}

// The public conformance suite on engines over core: on native, on one that lacks all it
// can lack, and on a cluster.
var (
	onNative  = suite{"conformance", "TestNative$|TestAnEngineThatLacksEverything$"}
	onCluster = suite{"core/ledger", "TestConformance$/^watching$"}
)

// targets are the packages that can be mutated.
var targets = []target{
	{dir: "core", public: []suite{onNative, onCluster}, others: []suite{{dir: "core"}, {dir: "conformance", run: "TestEngineCalls$"}}},
	{dir: "internal/cron", public: []suite{onNative}, others: []suite{{dir: "internal/cron"}, {dir: "core"}}},
	{dir: "core/ledger", public: []suite{{"core/ledger", "TestConformance$"}}, others: []suite{{dir: "core/ledger"}, {dir: "core/ledger/ledgertest"}}},
	{dir: "backends/native", public: []suite{onNative}, others: []suite{{dir: "backends/native"}}},
	{dir: "backends/gocron", public: []suite{{"backends/gocron", "TestConformance$"}}, others: []suite{{dir: "backends/gocron"}}},
	{dir: "backends/asynq", public: []suite{{"backends/asynq", "TestConformance$"}}, others: []suite{{dir: "backends/asynq"}}},
	{dir: "backends/nats", public: []suite{{"backends/nats", "TestConformance$"}}, others: []suite{{dir: "backends/nats"}}},
}

func targetOf(dir string) (target, bool) {
	for _, t := range targets {
		if t.dir == dir {
			return t, true
		}
	}
	return target{}, false
}
