package core

import (
	"log/slog"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestIntervalIsAlignedToTheEpoch(t *testing.T) {
	at := time.Date(2026, 3, 29, 2, 34, 56, 789, time.UTC)
	for _, c := range []struct {
		s          Interval
		prev, next string
	}{
		{Every(10 * time.Minute), "2026-03-29T02:30:00Z", "2026-03-29T02:40:00Z"},
		{Every(time.Hour), "2026-03-29T02:00:00Z", "2026-03-29T03:00:00Z"},
		{Every(time.Hour).Offset(15 * time.Minute), "2026-03-29T02:15:00Z", "2026-03-29T03:15:00Z"},
		{Every(time.Hour).Offset(-15 * time.Minute), "2026-03-29T01:45:00Z", "2026-03-29T02:45:00Z"},
		{Every(time.Hour).Offset(25 * time.Hour), "2026-03-29T02:00:00Z", "2026-03-29T03:00:00Z"},
		{Every(7 * time.Second), "2026-03-29T02:34:52Z", "2026-03-29T02:34:59Z"},
		{Every(7 * 24 * time.Hour), "2026-03-26T00:00:00Z", "2026-04-02T00:00:00Z"},
	} {
		assert.Equal(t, c.prev, c.s.Prev(at).Format(time.RFC3339Nano), c.s.String())
		assert.Equal(t, c.next, c.s.Next(at).Format(time.RFC3339Nano), c.s.String())
	}
}

// TestIntervalFarAway compares with arithmetic that cannot overflow, in years
// that Unix nanoseconds do not reach too.
func TestIntervalFarAway(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		at := time.Unix(r.Int64N(300_000_000_000)-62_000_000_000, r.Int64N(1e9)).UTC()
		s := Every(time.Duration(r.Int64N(int64(1000*time.Hour)) + 1)).Offset(time.Duration(r.Int64N(int64(time.Hour))))
		checkInterval(t, s, at)
	}
}

func checkInterval(t *testing.T, s Interval, at time.Time) {
	t.Helper()
	prev, next := s.Prev(at), s.Next(at)
	require.False(t, prev.After(at), "%v: Prev(%v) = %v", s, at, prev)
	require.True(t, next.After(at), "%v: Next(%v) = %v", s, at, next)
	require.Equal(t, s.Period(), next.Sub(prev), "%v at %v", s, at)
	ns := new(big.Int).Mul(big.NewInt(next.Unix()), big.NewInt(1e9))
	ns.Add(ns, big.NewInt(int64(next.Nanosecond())-int64(s.offset)))
	require.Zero(t, ns.Mod(ns, big.NewInt(int64(s.Period()))).Sign(), "%v: Next(%v) = %v is no multiple", s, at, next)
}

func FuzzInterval(f *testing.F) {
	f.Add(int64(600e9), int64(0), int64(1774751696), int64(789))
	f.Add(int64(1), int64(-1), int64(-62135596800), int64(0))
	f.Fuzz(func(t *testing.T, period, offset, sec, nsec int64) {
		if period <= 0 || sec < -62_135_596_800 || sec > 253_402_300_799 {
			return
		}
		at := time.Unix(sec, nsec%1e9).UTC()
		s := Every(time.Duration(period)).Offset(time.Duration(offset))
		prev, next := s.Prev(at), s.Next(at)
		if prev.After(at) || !next.After(at) || next.Sub(prev) != s.Period() {
			t.Fatalf("%v: Prev(%v) = %v, Next = %v", s, at, prev, next)
		}
	})
}

// onlyNext hides a schedule's other methods.
type onlyNext struct{ s Schedule }

func (o onlyNext) Next(t time.Time) time.Time { return o.s.Next(t) }

func TestLatestFindsTheLastOfMany(t *testing.T) {
	first := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, s := range []Schedule{Every(time.Minute), Cron("* * * * *"), Every(time.Hour), Cron("0 0 1 * *")} {
		for _, away := range []time.Duration{0, time.Second, time.Minute, 90 * time.Minute, 50 * time.Hour, 400 * 24 * time.Hour} {
			now := first.Add(away)
			want, missed := first, Slots{}
			for n := s.Next(first); !n.After(now); n = s.Next(n) {
				want, missed = n, missed.With(want)
			}
			for _, form := range []Schedule{s, onlyNext{s}} {
				slot, n, err := latest(form, first, now)
				require.NoError(t, err)
				require.Equal(t, want, slot, "%v after %v", s, away)
				if _, counts := form.(interface{ Count(a, b time.Time) int }); !counts {
					missed.N = min(missed.N, MaxCounted)
				}
				require.Equal(t, missed, n, "%v after %v", s, away)
			}
		}
	}
}

// TestLatestOfADenseScheduleIsSoonFound: a schedule due every nanosecond, after
// a day, does not take a day.
func TestLatestOfADenseScheduleIsSoonFound(t *testing.T) {
	first := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	calls := 0
	s := scheduleFunc(func(t time.Time) time.Time { calls++; return t.Add(1) })
	slot, missed, err := latest(s, first, first.Add(24*time.Hour))
	require.NoError(t, err)
	require.Equal(t, first.Add(24*time.Hour), slot)
	require.Equal(t, Slots{First: first, Last: slot.Add(-1), N: MaxCounted}, missed)
	require.Less(t, calls, 3*MaxCounted)
}

type scheduleFunc func(time.Time) time.Time

func (f scheduleFunc) Next(t time.Time) time.Time { return f(t) }

func TestNextContainsASchedule(t *testing.T) {
	at := time.Unix(0, 0)
	_, err := next(scheduleFunc(func(time.Time) time.Time { panic("boom") }), at)
	require.ErrorContains(t, err, "boom")
	_, err = next(scheduleFunc(func(t time.Time) time.Time { return t }), at)
	require.ErrorIs(t, err, errNotAdvancing)
	_, err = next(scheduleFunc(func(t time.Time) time.Time { return t.Add(-time.Hour) }), at)
	require.ErrorIs(t, err, errNotAdvancing)
	slot, err := next(scheduleFunc(func(time.Time) time.Time { return time.Time{} }), at)
	require.NoError(t, err)
	require.True(t, slot.IsZero())
}

func TestJitter(t *testing.T) {
	limit := 10 * time.Second
	seen := map[time.Duration]bool{}
	var sum time.Duration
	for i := range 1000 {
		name := "worker-" + string(rune('a'+i%26)) + string(rune('a'+i/26))
		d := jitterOf(name, limit)
		require.Equal(t, d, jitterOf(name, limit))
		require.GreaterOrEqual(t, d, time.Duration(0))
		require.LessOrEqual(t, d, limit)
		seen[d] = true
		sum += d
	}
	require.Greater(t, len(seen), 990, "names of one pattern are spread")
	require.InDelta(t, float64(limit)/2, float64(sum)/1000, float64(limit)/20)
	require.Zero(t, jitterOf("w", 0))
}

func TestShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		10 * time.Minute: "10m", time.Hour: "1h", 90 * time.Minute: "1h30m", time.Second: "1s",
		1500 * time.Millisecond: "1.5s", 70 * time.Second: "1m10s", 20 * time.Hour: "20h", 3601 * time.Second: "1h0m1s",
	} {
		assert.Equal(t, want, short(d))
	}
}

func TestBackoff(t *testing.T) {
	e := Exponential(time.Second, 10*time.Second)
	var got []time.Duration
	for n := 1; n <= 6; n++ {
		got = append(got, e.Wait(n)/time.Second)
	}
	assert.Equal(t, []time.Duration{1, 2, 4, 8, 10, 10}, got)
	assert.Equal(t, 10*time.Second, e.Wait(1<<40), "however many failures")
	assert.Zero(t, Exponential(0, time.Second).Wait(3))
	assert.Equal(t, time.Minute, Exponential(time.Minute, time.Second).Wait(3))
	assert.Equal(t, time.Second, Constant(time.Second).Wait(9))
	assert.Equal(t, 8*time.Second, backoffOf(nil, 4), "the default")
	assert.Equal(t, time.Second, backoffOf(badBackoff{}, 1), "a panic is the default")
}

func backoffOf(b Backoff, failures int) time.Duration {
	m := &manager{opts: Options{Logger: slog.New(slog.DiscardHandler)}}
	return newJob(m, Worker{Retry: Retry{Backoff: b}}, 1).backoff(failures)
}

type badBackoff struct{}

func (badBackoff) Wait(int) time.Duration { panic("boom") }
