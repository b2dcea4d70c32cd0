package gocron

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

// alarmOf returns an alarm of a worker, for which gocron is the test.
func alarmOf(t *testing.T, s core.Schedule, slot time.Time) *alarm {
	t.Helper()
	return &alarm{engine: &engine{began: time.Now()}, job: &core.Job{}, schedule: s, slot: slot}
}

// schedules that misbehave, or end.
type function func(time.Time) time.Time

func (f function) Next(after time.Time) time.Time { return f(after) }

var (
	ends   = function(func(time.Time) time.Time { return time.Time{} })
	panics = function(func(time.Time) time.Time { panic("no") })
	stands = function(func(t time.Time) time.Time { return t })
)

// Gocron spins for ever, with its lock on every job, where Next returns a time
// that is not after its argument, that has passed, or that is zero.
func TestNextIsAlwaysAfterItsArgumentAndThePresent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		schedules := []core.Schedule{core.Every(time.Hour), core.Every(100 * time.Millisecond), core.Delay(time.Minute), ends, panics, stands}
		slots := []time.Time{{}, now.Add(-time.Hour), now, now.Add(1), now.Add(time.Hour), never, now.AddDate(-100, 0, 0), now.AddDate(1000, 0, 0)}
		lasts := []time.Time{{}, now.Add(-time.Hour), now, now.Add(1), now.Add(time.Minute), now.Add(time.Hour), never, never.Add(time.Hour), now.AddDate(1000, 0, 0)}
		for _, s := range schedules {
			for _, slot := range slots {
				a := alarmOf(t, s, slot)
				for _, last := range lasts {
					for range 4 {
						next := a.Next(last)
						assert.Truef(t, next.After(last) && next.After(now), "%T, slot %s: Next(%s) is %s", s, slot, last, next)
					}
				}
			}
		}
	})
}

func TestNextIsTheSlotAndThenThoseAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		a := alarmOf(t, core.Every(time.Minute), now.Add(time.Minute))
		assert.Equal(t, now.Add(time.Minute).UTC(), a.Next(now).UTC(), "the slot")
		for i := 1; i < 5; i++ { // what NextRuns asks
			at := now.Add(time.Duration(i) * time.Minute)
			assert.Equal(t, at.Add(time.Minute).UTC(), a.Next(at).UTC(), "the slot after %s", at)
		}
		a = alarmOf(t, core.Delay(time.Minute), now.Add(time.Minute))
		assert.Equal(t, now.Add(time.Minute).UTC(), a.Next(now).UTC())
		assert.Equal(t, never, a.Next(now.Add(time.Minute)).UTC(), "after a Delay's run nobody knows")
	})
}

// A scheduler that does not call, because of an elector or a limit of its own,
// is asked to for a moment and then only at the next slot.
func TestASlotIsNotAskedForOverAndOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slot := time.Now().Add(time.Hour)
		a := alarmOf(t, core.Every(time.Hour), slot)
		time.Sleep(time.Hour)
		last := slot
		for range maxRetries {
			last = a.Next(last)
			assert.Equal(t, time.Now().Add(soon).UTC(), last.UTC(), "soon")
			time.Sleep(soon)
		}
		assert.Equal(t, slot.Add(time.Hour).UTC(), a.Next(last).UTC(), "the next slot")
	})
}

// Two runs that a clock on the wall shows alike are one run to gocron. Next shows
// them in locations where they differ.
func TestDistinct(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	locations := []*time.Location{time.UTC, berlin, elsewhere, time.FixedZone("", -3600), time.FixedZone("LMT", 3208)}
	random := rand.New(rand.NewPCG(1, 2))
	base := time.Date(2026, time.October, 25, 0, 0, 0, 0, time.UTC)
	for range 100_000 {
		last := base.Add(time.Duration(random.Int64N(int64(3 * time.Hour)))).In(locations[random.IntN(len(locations))])
		steps := []time.Duration{1, time.Millisecond, time.Second, time.Hour, 2 * time.Hour, time.Duration(random.Int64N(int64(4 * time.Hour)))}
		next := last.Add(steps[random.IntN(len(steps))] + 1)
		got := distinct(last, next)
		require.True(t, got.Equal(next), "%s is %s", next, got)
		require.False(t, sameOnTheWall(last, got), "%s and %s", last, got)
	}
	noon := base.Add(12 * time.Hour).In(berlin)
	assert.Equal(t, berlin, distinct(noon, noon.UTC().Add(time.Minute)).Location(), "as the scheduler shows it, where that will do")
}
