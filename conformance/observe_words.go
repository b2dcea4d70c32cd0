package conformance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, wordCases) }

// wordCases are about the words that people and dashboards read.
var wordCases = []kase{
	{rule: "OBS-1", name: "the-status-shows-each-schedule-in-words", run: func(t *trial) {
		day := 24 * time.Hour
		words := map[string]struct {
			schedule core.Schedule
			feature  core.Feature
			want     string
		}{
			"minutes":           {core.Every(10 * time.Minute), "", "every 10m"},
			"hours":             {core.Every(6 * time.Hour), "", "every 6h"},
			"a-day":             {core.Every(day), "", "every 24h"},
			"hours-and-minutes": {core.Every(90 * time.Minute), "", "every 1h30m"},
			"seconds":           {core.Every(30 * time.Second), "", "every 30s"},
			"all-units":         {core.Every(time.Hour + 10*time.Minute + 20*time.Second), "", "every 1h10m20s"},
			"hours-and-seconds": {core.Every(10*time.Hour + 20*time.Second), "", "every 10h0m20s"},
			"an-offset":         {core.Every(time.Hour).Offset(15 * time.Minute), "", "every 1h offset 15m"},
			"earlier":           {core.Every(time.Hour).Offset(-time.Minute), "", "every 1h offset -1m"},
			"a-nanosecond":      {core.Every(time.Hour).Offset(1), "", "every 1h offset 1ns"},
			"a-delay":           {core.Delay(5 * time.Minute), core.FeatureDelay, "5m after each run"},
			"cron":              {core.Cron("30 2 * * MON-FRI"), core.FeatureCron, "cron 30 2 * * MON-FRI"},
			"cron-in-a-zone":    {core.Cron("@daily", core.In(zone(t, "Europe/Berlin"))), core.FeatureCron, "cron @daily Europe/Berlin"},
			"cron-in-utc":       {core.Cron("@daily", core.In(time.UTC)), core.FeatureCron, "cron @daily"},
			"of-a-type":         {nextOnly{never}, core.FeatureAnySchedule, "conformance.nextOnly"},
			"of-its-own-words":  {custom{core.Every(day)}, core.FeatureAnySchedule, "a type of the user's own"},
		}
		m := t.open(core.Options{})
		for name, w := range words {
			if w.feature == "" || t.features.Supports(w.feature) {
				t.must(m.Add(context.Background(), t.worker(name, w.schedule, nil)), "Add "+name)
			}
		}
		for _, s := range m.Workers() {
			assert.Equal(t, words[s.Name].want, s.Schedule, "the schedule of %s", s.Name)
		}
	}},
	{rule: "OBS-1", name: "states-outcomes-reasons-and-the-like-are-shown-in-words", run: func(t *trial) {
		said := func(values ...fmt.Stringer) (list []string) {
			for _, v := range values {
				list = append(list, v.String())
			}
			return list
		}
		assert.Equal(t, []string{"idle", "running", "waiting", "backoff", "paused", "disabled", "done", "broken", "unknown"},
			said(core.StateIdle, core.StateRunning, core.StateWaiting, core.StateBackoff, core.StatePaused, core.StateDisabled, core.StateDone, core.StateBroken, core.StateBroken+1), "the states")
		assert.Equal(t, []string{"none", "succeeded", "failed", "cancelled", "lease lost", "skipped", "refused", "abandoned", "unknown"},
			said(core.Outcome(0), core.Succeeded, core.Failed, core.Cancelled, core.LeaseLost, core.Skipped, core.Refused, core.Abandoned, core.Abandoned+1), "the outcomes")
		assert.Equal(t, []string{"none", "overlap", "paused", "missed", "refused", "unknown"},
			said(core.ReasonNone, core.ReasonOverlap, core.ReasonPaused, core.ReasonMissed, core.ReasonRefused, core.ReasonRefused+1), "the reasons for a skip")
		assert.Equal(t, []string{"none", "schedule", "trigger", "long-running", "unknown"},
			said(core.CauseNone, core.CauseSchedule, core.CauseTrigger, core.CauseLongRunning, core.CauseLongRunning+1), "the causes of a run")
		assert.Equal(t, []string{"none", "began", "attempt failed", "ended", "skipped", "broken", "broker", "unknown"},
			said(core.EventKind(0), core.EventBegan, core.EventAttemptFailed, core.EventEnded, core.EventSkipped, core.EventBroken, core.EventBroker, core.EventBroker+1), "the kinds of events")
		assert.Equal(t, []string{"per-cluster", "per-instance", "run-latest", "skip-missed"},
			said(core.PerCluster, core.PerInstance, core.RunLatest, core.SkipMissed), "the scopes and the misfire policies")
		assert.Equal(t, []string{"skipped: paused", "failed: boom", "succeeded"},
			said(core.Result{Outcome: core.Skipped, Reason: core.ReasonPaused}, core.Result{Outcome: core.Failed, Err: errors.New("boom")}, core.Result{Outcome: core.Succeeded}), "the results")
		assert.EqualValues(t, 1111, core.Skips{Overlap: 1, Paused: 10, Missed: 100, Refused: 1000}.Total(), "the total of the slots skipped")
	}},
}
