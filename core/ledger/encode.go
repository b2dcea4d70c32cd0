package ledger

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// encode is a record as the store keeps it.
func encode(record any) []byte {
	data, err := json.Marshal(record)
	if err != nil {
		panic(fmt.Sprintf("ledger: encode %T: %v", record, err)) // a plain struct: cannot be
	}
	return data
}

// encode is what encoding/json makes of a lease record, to the byte, but quicker: of
// a cycle of claim and release this was the largest part that is not the broker's.
func (l *Lease) encode() []byte {
	o := object(make([]byte, 0, 512))
	o.int("format", int64(l.Format))
	o.time("slot", l.Slot)
	o.bool("running", l.Running)
	o.text("owner", l.Owner)
	o.uint("fence", l.Fence)
	o.int("for", int64(l.For))
	o.time("tick", l.Tick)
	o.text("manual", l.Manual)
	o.int("crashes", int64(l.Crashes))
	o.bool("again", l.Again)
	o.bool("cut", l.Cut)
	o.text("trigger", l.Trigger)
	o.time("base", l.Base)
	o.time("done", l.Done)
	o.text("reason", l.Reason)
	for i, told := range l.Told {
		if i == 0 {
			o.key("told")
			o = append(o, '[')
		} else {
			o = append(o, ',')
		}
		o = append(o, told.encode()...)
	}
	if len(l.Told) > 0 {
		o = append(o, ']')
	}
	if l.Last != nil {
		o.key("last")
		o = append(o, l.Last.encode()...)
	}
	o.time("life", l.Life)
	return o.end()
}

func (t Told) encode() []byte {
	o := object(make([]byte, 0, 64))
	o.key("instance")
	o.textValue(t.Instance)
	o.key("fence")
	o = strconv.AppendUint(o, t.Fence, 10)
	o.bool("over", t.Over)
	return o.end()
}

func (r *Run) encode() []byte {
	o := object(make([]byte, 0, 256))
	o.time("slot", r.Slot)
	o.text("manual", r.Manual)
	o.uint("fence", r.Fence)
	o.key("started")
	o.timeValue(r.Started)
	o.key("duration")
	o = strconv.AppendInt(o, int64(r.Duration), 10)
	o.key("attempts")
	o = strconv.AppendInt(o, int64(r.Attempts), 10)
	o.key("outcome")
	o.textValue(r.Outcome)
	o.text("error", r.Err)
	o.key("instance")
	o.textValue(r.Instance)
	return o.end()
}

// object is a JSON object that is being written. A field that says nothing is left
// out.
type object []byte

func (o *object) key(name string) {
	if len(*o) == 0 {
		*o = append(*o, '{')
	} else {
		*o = append(*o, ',')
	}
	*o = append(append(append(*o, '"'), name...), '"', ':')
}

func (o *object) end() []byte {
	if len(*o) == 0 {
		*o = append(*o, '{')
	}
	return append(*o, '}')
}

func (o *object) bool(name string, b bool) {
	if b {
		o.key(name)
		*o = append(*o, "true"...)
	}
}

func (o *object) uint(name string, n uint64) {
	if n != 0 {
		o.key(name)
		*o = strconv.AppendUint(*o, n, 10)
	}
}

func (o *object) int(name string, n int64) {
	if n != 0 {
		o.key(name)
		*o = strconv.AppendInt(*o, n, 10)
	}
}

func (o *object) text(name, s string) {
	if s != "" {
		o.key(name)
		o.textValue(s)
	}
}

// textValue leaves to encoding/json what is to be escaped.
func (o *object) textValue(s string) {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			quoted, err := json.Marshal(s)
			if err != nil {
				panic(fmt.Sprintf("ledger: encode %q: %v", s, err)) // a string: cannot be
			}
			*o = append(*o, quoted...)
			return
		}
	}
	*o = append(append(append(*o, '"'), s...), '"')
}

func (o *object) time(name string, t time.Time) {
	if !t.IsZero() {
		o.key(name)
		o.timeValue(t)
	}
}

func (o *object) timeValue(t time.Time) {
	text, err := t.AppendText(append(*o, '"'))
	if err != nil {
		panic(fmt.Sprintf("ledger: encode the time %s: %v", t, err)) // of a year after 9999: no schedule has it
	}
	*o = text
	*o = append(*o, '"')
}
