package conformance

// A FaultyWorld is a World with more faults of a network, a broker and a process. They are
// a struct of functions, so that a world can lack some and more can be added. A case that
// needs a fault which the world lacks is skipped, with that reason. The package ledgertest
// has a world with all of them, over any ledger.Store.
type FaultyWorld interface {
	World
	Faults() Faults
}

// Faults are functions of a FaultyWorld. A nil one is a fault that the world does not
// have. A node is one that Open has returned a manager for. A fault that lasts ends when
// its function is called with false. The suite ends it before Close.
type Faults struct {
	// LoseAnswers has a node's next write of a record arrive, and from then on everything
	// that the broker sends to the node get lost. What the node sends still arrives.
	LoseAnswers func(node string, lose bool)

	// HoldWrites keeps back what a node writes to the records: the node gets no answer.
	// Its reads and its heartbeats are as usual. When that ends, what was kept back is
	// written, in its order, before the function returns.
	HoldWrites func(node string, hold bool)

	// Suspend freezes a node's operations on the broker and the changes that it watches,
	// as far as that can be done without its process: they wait, whatever their contexts
	// say, and go on when the fault ends.
	Suspend func(node string, suspend bool)

	// FailJoins has a node's next attempts to connect fail at once, and after that its
	// next heartbeats.
	FailJoins func(node string, connects, heartbeats int)

	// Checkpoint returns a function that has the broker go back to the records that it
	// has now, as one that has lost its last writes, or that was restored from a backup.
	Checkpoint func() (rewind func())

	// Overwrite puts other bytes in the place of a worker's lease record, in the empty
	// namespace, and returns a function that puts the record back.
	Overwrite func(worker string, record []byte) (restore func())
}
