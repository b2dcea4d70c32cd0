package asynq

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

// typePrefix is what the types of tickwork's tasks begin with; the worker's name
// follows.
const typePrefix = "worker:"

// payload is a tick as a task carries it, for people to read.
type payload struct {
	Worker string    `json:"worker"`
	Slot   time.Time `json:"slot,omitzero"`
	Manual string    `json:"manual,omitempty"`
	Sent   time.Time `json:"sent,omitzero"` // when it was dispatched
}

// encodeTick returns the type and the payload of a tick's task.
func encodeTick(tick core.Tick, now time.Time) (kind string, data []byte) {
	p := payload{Worker: tick.Worker, Slot: tick.Slot, Manual: tick.Manual, Sent: now.UTC().Round(time.Millisecond)}
	if tick.Manual != "" {
		p.Slot = time.Time{}
	}
	data, err := json.Marshal(p)
	if err != nil {
		panic(fmt.Sprintf("asynq: encode %s: %v", tick, err)) // a plain struct: cannot be
	}
	return typePrefix + tick.Worker, data
}

var errNoTick = errors.New("the task is no tick of tickwork's: its queue is for ticks alone")

// decodeTick reads a task, and tells when it was due, and when it was dispatched: a
// manual tick is due then.
func decodeTick(kind string, data []byte) (tick core.Tick, due, sent time.Time, err error) {
	var p payload
	if err := json.Unmarshal(data, &p); err != nil {
		return core.Tick{}, time.Time{}, time.Time{}, fmt.Errorf("%w: %w", errNoTick, err)
	}
	name, ok := strings.CutPrefix(kind, typePrefix)
	if !ok || name != p.Worker || p.Slot.IsZero() == (p.Manual == "") {
		return core.Tick{}, time.Time{}, time.Time{}, errNoTick
	}
	if p.Sent.IsZero() { // of an older version, whose slots had none
		p.Sent = p.Slot
	}
	tick = core.Tick{Worker: p.Worker, Slot: p.Slot.UTC(), Manual: p.Manual, Attempt: 1}
	if p.Manual != "" {
		return tick, p.Sent, p.Sent, nil
	}
	return tick, p.Slot, p.Sent, nil
}
