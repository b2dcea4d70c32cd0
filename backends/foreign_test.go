package backends

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

// frail is a type of a backend's configuration that panics when it is read.
type frail struct{}

func (*frail) UnmarshalText(text []byte) error { panic(errors.New(string(text))) }

func TestAPanicInUnmarshalTextIsAnErrorWithoutTheText(t *testing.T) {
	var f frail
	err := setText(reflect.ValueOf(&f).Elem(), "hunter2")
	require.EqualError(t, err, "cannot be read: the UnmarshalText method of backends.frail panicked")
}

// wildZone is a schedule whose methods panic, but for Next.
type wildZone struct{}

func (wildZone) Next(after time.Time) time.Time  { return after.Add(time.Hour) }
func (wildZone) Location() *time.Location        { panic("no zone") }
func (wildZone) In(*time.Location) core.Schedule { panic("no zone") }
func (wildZone) String() string                  { panic("no name") }

type wildIn struct{ core.Interval }

func (wildIn) In(*time.Location) core.Schedule { panic("no zone") }

func TestAPanicInTheProgramsScheduleRefusesTheOverride(t *testing.T) {
	_, err := Override{Cron: "0 3 * * *"}.schedule(wildZone{})
	require.EqualError(t, err, "panic in the Location method of the program's schedule, a backends.wildZone: no zone")
	_, err = Override{Timezone: "Europe/Berlin"}.schedule(wildIn{core.Every(time.Hour)})
	require.EqualError(t, err, "panic in the In method of the program's schedule, a backends.wildIn: no zone")
	assert.Equal(t, time.Local, zoneOf(wildZone{}), "the zone that a report shows")
	assert.Equal(t, "backends.wildZone", core.DescribeSchedule(wildZone{}), "the schedule that a report shows")
}
