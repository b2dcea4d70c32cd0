package core

import (
	"math/rand/v2"
	"strconv"
	"time"
)

// A Tick is one occasion on which a worker is to run: a slot of its schedule,
// or a trigger. Its ID is the same on every instance and in every log.
type Tick struct {
	// Worker is the worker's name.
	Worker string
	// Slot is the time at which the schedule was due, in UTC; zero for a
	// manual tick. A run begins later than its slot, by the jitter at least.
	Slot time.Time
	// Manual is the unique part of a manual tick's ID: one that came from
	// Trigger, from RunOnStart, or from the start of a long-running worker.
	// It is empty for a slot.
	Manual string
	// Attempt is the number of the attempt within the run, from 1.
	Attempt int
	// Redelivered tells that an earlier run of this tick was begun by an
	// instance that died or was cut off (CLU-4, CLU-11).
	Redelivered bool
	// Fence is the fencing token of the claim under which the tick runs: it is
	// greater than that of every earlier claim of the worker (CLU-9). On an
	// engine that is not distributed it is zero: there is nothing to fence off.
	Fence uint64
}

// ID returns name@2026-03-29T02:30:00Z for a slot, with as many decimals as it
// needs, and name@manual:<unique> for a manual tick. It is the log field, the
// trace attribute, the dedup key and the idempotency key of the tick.
func (t Tick) ID() string {
	b := make([]byte, 0, len(t.Worker)+40)
	b = append(b, t.Worker...)
	b = append(b, '@')
	if t.Manual != "" {
		b = append(b, "manual:"...)
		b = append(b, t.Manual...)
	} else {
		b = t.Slot.UTC().AppendFormat(b, time.RFC3339Nano)
	}
	return string(b)
}

// String returns the ID.
func (t Tick) String() string { return t.ID() }

// ManualTick returns a new tick of the named worker that no slot stands for,
// with an ID of its own.
func ManualTick(worker string) Tick {
	return Tick{Worker: worker, Manual: unique(), Attempt: 1}
}

// unique returns a short text that no other call returns, on any instance.
func unique() string { return strconv.FormatUint(rand.Uint64(), 36) }
