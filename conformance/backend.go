package conformance

import "github.com/seed-891a2e1b/tickwork/core"

// A Backend is what the suite tests: a way to make managers.
type Backend struct {
	// Name names the backend in the report: "native".
	Name string

	// Open returns a new manager with the options given, not started. Each case
	// opens its own, some several, and stops them. It is called inside of a
	// testing/synctest bubble in virtual time. Options.Logger is always set, and
	// so is Options.Now in virtual time; in real time it is left to its default,
	// as programs leave it, but by the cases that set the clock. A manager that lacks
	// core.FeatureMiddleware or another option's feature returns core.ErrUnsupported
	// for that option.
	Open func(opts core.Options) (core.Manager, error)

	// Cluster makes a world for the cases about clusters, see World. It is for
	// engines that are distributed; nil leaves those cases out, and says so.
	Cluster func() (World, error)

	// Server starts a broker for the cases in real time whose nodes are processes,
	// which the test binary is started as: see Main. Nil leaves them out, and says
	// so.
	Server func() (Server, error)

	// WallClock runs the cases in real time, several at once, with periods
	// derived from the engine's declared lateness, instead of in virtual time.
	// Cases that span days, and those in a World, are left out then, with that reason.
	WallClock bool

	// Only runs the cases of these rules alone; empty is all.
	Only []string
}
