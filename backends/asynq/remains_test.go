package asynq_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends/asynq"
	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/internal/redistest"
)

// The commands that doc.go gives for what remains of workers show it, and remove it, while
// instances run others.
func TestWhatRemainsOfAWorkerIsRemovedAsTheDocsSay(t *testing.T) {
	if _, err := exec.LookPath("redis-cli"); err != nil {
		t.Skip(err)
	}
	server, r := redistest.Real(t), newRecord()
	options, err := redis.ParseURL(server.URL)
	require.NoError(t, err)
	_, port, _ := strings.Cut(options.Addr, ":")
	m := real(t, asynq.Config{URL: server.URL, Lease: time.Second}, quiet("host-1"), every(1, 200*time.Millisecond, r.run("host-1"))...)
	for _, name := range []string{"send-invoices", "tenant-17/report", "tenant-17/backup", "tenant-170"} {
		w := core.Worker{Name: name, Schedule: core.Every(100 * time.Millisecond), Run: r.run("host-1")}
		require.NoError(t, m.Add(t.Context(), w))
		eventually(t, 10*time.Second, name+" has run", func() bool {
			for _, s := range m.Workers() {
				if s.Name == name {
					return s.Runs > 0
				}
			}
			return false
		})
		require.NoError(t, m.Remove(t.Context(), name))
	}
	time.Sleep(time.Second) // its beats say so, and the leases are released

	page, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(page), "// # What remains of a worker\n")
	require.True(t, found)
	section, _, _ = strings.Cut(section, "\n// # ")
	var answers []string
	for line := range strings.Lines(section) {
		command, is := strings.CutPrefix(strings.TrimSpace(line), "//\tredis-cli ")
		if !is {
			continue
		}
		command = strings.ReplaceAll("redis-cli "+command, "redis-cli ", "redis-cli -p "+port+" ")
		out, err := exec.CommandContext(t.Context(), "sh", "-c", command).CombinedOutput()
		require.NoError(t, err, "%s: %s", command, out)
		answers = append(answers, string(out))
	}
	require.Len(t, answers, 5)
	assert.Contains(t, answers[0], "tickwork:{tickwork}:w:send-invoices\n")
	assert.Contains(t, answers[0], "tickwork:{tickwork}:w:w-000\n")
	assert.Contains(t, answers[1], "host-1")
	assert.Contains(t, answers[1], "w-000")
	assert.NotContains(t, answers[1], "send-invoices", "the workers of the instance")
	assert.Contains(t, answers[2], `"slot":`)
	assert.NotContains(t, answers[2], `"running":true`)
	assert.Equal(t, "1\n", answers[3], "keys removed")
	assert.Equal(t, "2\n", answers[4], "keys removed")

	keys, err := clientOf(t, server.URL).Keys(t.Context(), "tickwork:{tickwork}:w:*").Result()
	require.NoError(t, err)
	assert.ElementsMatch(t, []string{"tickwork:{tickwork}:w:w-000", "tickwork:{tickwork}:w:tenant-170"}, keys)
	n := r.count()
	eventually(t, 10*time.Second, "the other worker goes on", func() bool { return r.count() > n+3 })
}
