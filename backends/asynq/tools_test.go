package asynq_test

import (
	"testing"

	upstream "github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// What asynq's own tools, its CLI and asynqmon, would show.

// results returns the results of the completed tasks by their type, the latest of
// each.
func results(t *testing.T, client redis.UniversalClient) map[string]string {
	t.Helper()
	tasks, err := upstream.NewInspectorFromRedisClient(client).ListCompletedTasks("tickwork", upstream.PageSize(1000))
	require.NoError(t, err)
	got := map[string]string{}
	at := map[string]int64{}
	for _, task := range tasks {
		if when := task.CompletedAt.Unix(); when >= at[task.Type] {
			got[task.Type], at[task.Type] = string(task.Result), when
		}
	}
	return got
}

// taskOf returns what there is to be seen of a task.
func taskOf(t *testing.T, client redis.UniversalClient, id string) *upstream.TaskInfo {
	t.Helper()
	task, err := upstream.NewInspectorFromRedisClient(client).GetTaskInfo("tickwork", id)
	require.NoError(t, err)
	return task
}

// archived returns the errors of the archived tasks by their type.
func archived(t *testing.T, client redis.UniversalClient) map[string]string {
	t.Helper()
	tasks, err := upstream.NewInspectorFromRedisClient(client).ListArchivedTasks("tickwork", upstream.PageSize(1000))
	require.NoError(t, err)
	got := map[string]string{}
	for _, task := range tasks {
		got[task.Type] = task.LastErr
	}
	return got
}

// active returns the types of the tasks in progress.
func active(t *testing.T, client redis.UniversalClient) []string {
	t.Helper()
	tasks, err := upstream.NewInspectorFromRedisClient(client).ListActiveTasks("tickwork", upstream.PageSize(1000))
	require.NoError(t, err)
	var got []string
	for _, task := range tasks {
		got = append(got, task.Type)
	}
	return got
}
