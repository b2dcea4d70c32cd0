package conformance

import "github.com/seed-891a2e1b/tickwork/core"

// A World is a broker and the nodes of a cluster around it: what the suite needs
// to test an engine that is distributed, in virtual time. Each case makes its own
// with Backend.Cluster, inside of its testing/synctest bubble, and closes it.
//
// A node is one process of an application, with a connection of its own. What the
// suite calls a crash is a node that is cut off for ever, and of which it looks at
// nothing any more. Its manager is stopped then.
type World interface {
	// Open returns a new manager on a node of its own, not started, with the
	// options given; Options.Now, Logger and Instance are set. A node's name is
	// used once.
	Open(node Node, opts core.Options) (core.Manager, error)

	// Cut cuts a node off from the broker, or heals that. A node that is cut off
	// gets no answers, and no errors but of its own timeouts. Nothing that it sends
	// arrives, nor that it closes a connection.
	Cut(node string, cut bool)

	// Down makes the broker unreachable for all, or brings it back with its data.
	// Whether connections are refused or just not answered is the world's choice.
	Down(down bool)

	// Lose has the broker lose all its data, as one that was restarted empty. One
	// that is down stays so until Down says otherwise.
	Lose()

	// Close lets go of everything. The managers were stopped before.
	Close()
}

// A Node says where a manager is opened.
type Node struct {
	// Name is the node's, for Cut.
	Name string
	// Namespace is that of the application. Managers share a cluster if they have
	// the same; the empty one is as good as any.
	Namespace string
}
