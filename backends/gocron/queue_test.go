package gocron

import (
	"testing"

	"github.com/go-co-op/gocron/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What a scheduler has no method for is read where this version of gocron has it.
func TestQueues(t *testing.T) {
	scheduler := func(options ...gocron.SchedulerOption) gocron.Scheduler {
		s, err := gocron.NewScheduler(options...)
		require.NoError(t, err)
		t.Cleanup(func() { _ = s.Shutdown() })
		return s
	}
	waits := scheduler(gocron.WithLimitConcurrentJobs(3, gocron.LimitModeWait))
	assert.True(t, queues(waits))
	assert.False(t, queues(scheduler(gocron.WithLimitConcurrentJobs(3, gocron.LimitModeReschedule))))
	assert.False(t, queues(scheduler()))
	assert.False(t, queues(scheduler(gocron.WithGlobalJobOptions(gocron.WithSingletonMode(gocron.LimitModeWait)))))
	assert.False(t, queues(struct{ gocron.Scheduler }{waits}), "another type has it elsewhere, if at all")
	assert.False(t, queues(nil))
}
