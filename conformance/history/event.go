package history

import "time"

// Kind says what an Event tells.
type Kind string

// What a node does.
const (
	Began    Kind = "began"    // a worker's function was called: one attempt
	Lost     Kind = "lost"     // its context ended
	Returned Kind = "returned" // it returned
	Disowned Kind = "disowned" // its manager says that its lease was lost: its result is not recorded
	Skipped  Kind = "skipped"  // slots were not run
	Broker   Kind = "broker"   // the node says of the broker what Err says
)

// What is done to a node, or to all.
const (
	Started    Kind = "started"     // the node has come up
	Killed     Kind = "killed"      // the node is dead: nothing after counts
	Cut        Kind = "cut"         // the node is cut off from the broker
	Healed     Kind = "healed"      // and is not any more
	Frozen     Kind = "frozen"      // the node's process stands still
	Thawed     Kind = "thawed"      // and goes on
	Stopping   Kind = "stopping"    // the node's Stop was called
	BrokerDown Kind = "broker down" // nobody reaches the broker
	BrokerUp   Kind = "broker up"   // everybody does again
	BrokerLost Kind = "broker lost" // the broker has lost its data
	// Hiccup: the broker leaves unanswered for a while what it is asked, as one does
	// whose leader has died, while it elects another. Nothing is lost, and no lease
	// is to be: others may have to make up for it, and that is all it excuses.
	Hiccup Kind = "hiccup"
)

// An Event is one thing that happened. It is JSON in a pipe.
type Event struct {
	At   time.Time `json:"at"`
	Kind Kind      `json:"kind"`
	Node string    `json:"node,omitempty"`

	// Call numbers the calls of workers on the node.
	Call        uint64    `json:"call,omitempty"`
	Worker      string    `json:"worker,omitempty"`
	Slot        time.Time `json:"slot,omitzero"`
	Manual      string    `json:"manual,omitempty"`
	Fence       uint64    `json:"fence,omitempty"`
	Attempt     int       `json:"attempt,omitempty"`
	Redelivered bool      `json:"redelivered,omitempty"`

	// HandedBack: the function returned core.HandBack.
	HandedBack bool `json:"handedBack,omitempty"`

	// Err is what the function returned, why its context ended, or what is
	// wrong with the broker.
	Err string `json:"error,omitempty"`

	// Of Skipped: why the slots from Slot to Last, Count of them, were not run.
	Reason string    `json:"reason,omitempty"`
	Last   time.Time `json:"last,omitzero"`
	Count  int       `json:"count,omitempty"`
}
