package core

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// user is a schedule without Prev and Count.
type user struct{ Schedule }

// A report of skipped slots, as an event and as a log record, gives the first, the
// last and their number, and not the slot that runs after them (OBS-2).
func TestSkipReportsNameTheSlots(t *testing.T) {
	for name, s := range map[string]Schedule{"with Prev and Count": Every(time.Minute), "without": user{Every(time.Minute)}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newClockTest(t)
				var log bytes.Buffer
				var events []Event
				c.m.opts.Logger = slog.New(slog.NewJSONHandler(&log, nil))
				c.m.opts.Observers = []Observer{func(e Event) { events = append(events, e) }}
				j := c.job("w", s)
				first := s.Next(c.now())
				slot, missed, _, err := CatchUp(s, first, first.Add(10*time.Minute+time.Second))
				require.NoError(t, err)
				require.Equal(t, first.Add(10*time.Minute), slot)
				require.True(t, j.Misfire(slot, missed))

				require.Len(t, events, 1)
				e := events[0]
				require.Equal(t, j.Tick(first), e.Tick, "the first slot")
				require.Equal(t, first.Add(9*time.Minute), e.Last, "the last slot, the one before the one that runs")
				require.Equal(t, 10, e.Count)
				var record struct {
					Worker, Tick, Reason string
					First, Last          time.Time
					Count                int
				}
				require.NoError(t, json.Unmarshal(log.Bytes(), &record))
				require.Equal(t, first, record.First)
				require.Equal(t, e.Last, record.Last)
				require.Equal(t, 10, record.Count)
				require.Equal(t, e.Tick.ID(), record.Tick)
				require.Equal(t, "missed", record.Reason)
			})
		})
	}
}

// The slot that the policy SkipMissed passes over is the last of its report.
func TestSkipReportOfALateSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClockTest(t)
		var events []Event
		c.m.opts.Observers = []Observer{func(e Event) { events = append(events, e) }}
		j := c.job("w", Every(time.Minute))
		j.worker.Misfire = SkipMissed
		slot := Every(time.Minute).Next(c.now())
		missed := Slots{First: slot, Last: slot.Add(time.Minute), N: 2}
		require.False(t, j.Misfire(slot.Add(2*time.Minute), missed))
		require.Len(t, events, 1)
		require.Equal(t, slot, events[0].Tick.Slot)
		require.Equal(t, slot.Add(2*time.Minute), events[0].Last)
		require.Equal(t, 3, events[0].Count)
	})
}

// A single slot that overlaps is the first and the last.
func TestSkipReportOfOneSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClockTest(t)
		var events []Event
		c.m.opts.Observers = []Observer{func(e Event) { events = append(events, e) }}
		j := c.job("w", Every(time.Minute))
		j.SetPaused(&Pause{})
		slot := Every(time.Minute).Next(c.now())
		j.Go(context.Background(), j.Tick(slot), nil)
		require.Len(t, events, 1)
		require.Equal(t, slot, events[0].Tick.Slot)
		require.Equal(t, slot, events[0].Last)
		require.Equal(t, 1, events[0].Count)
	})
}

func TestTheZeroSkipReasonIsNone(t *testing.T) {
	var zero SkipReason
	require.Equal(t, "none", zero.String())
	require.Equal(t, ReasonNone, zero)
	require.Equal(t, "refused", ReasonRefused.String())
}
