package backends_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends"
	"github.com/seed-891a2e1b/tickwork/core"
)

// sample is the file that the design shows.
const sample = `backend: asynq            # native (default), gocron, asynq, nats, or one you registered
enabled: true
namespace: billing
asynq: {url: "redis://localhost:6379/0"}
nats:  {url: "nats://localhost:4222"}
workers:                  # overrides by name, applied at Add
  passive-user-checker: {cron: "0 3 * * *", timezone: Europe/Berlin, timeout: 10m}
  delete-old-logs:      {every: 1h, enabled: false}
`

func TestLoadReadsTheSample(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tickwork.yaml")
	require.NoError(t, os.WriteFile(file, []byte(sample), 0o600))
	cfg, err := backends.Load(file)
	require.NoError(t, err)
	assert.Equal(t, "asynq", cfg.Backend)
	assert.True(t, *cfg.Enabled)
	assert.Equal(t, "billing", cfg.Namespace)
	assert.Equal(t, map[string]backends.Override{
		"passive-user-checker": {Cron: "0 3 * * *", Timezone: "Europe/Berlin", Timeout: new(10 * time.Minute)},
		"delete-old-logs":      {Every: time.Hour, Enabled: new(false)},
	}, cfg.Workers)
	assert.Equal(t, "backend asynq, namespace billing, sections asynq nats, workers delete-old-logs passive-user-checker", cfg.String())

	same, err := backends.LoadFS(fstest.MapFS{"tickwork.yaml": {Data: []byte(sample)}}, "tickwork.yaml")
	require.NoError(t, err)
	assert.Equal(t, cfg.Workers, same.Workers)
}

func TestLoadOfNothingIsTheDefault(t *testing.T) {
	for _, data := range []string{"", "\n", "# nothing\n", "---\n", "~", "workers:\nnative:\nenabled:\n", "\ufeff", "\ufeff# nothing\n"} {
		cfg, err := backends.LoadFrom("tickwork.yaml", data)
		require.NoError(t, err, "%q", data)
		assert.Equal(t, "backend native", strings.TrimSuffix(cfg.String(), ", sections native"), "%q", data)
	}
	cfg, err := backends.Load("")
	require.NoError(t, err)
	assert.Empty(t, cfg.Backend)
}

func TestLoadReadsAWholeWorker(t *testing.T) {
	cfg, err := backends.LoadFrom("", `
workers:
  a: &a
    delay: 90s
    timeout: 0
    jitter: 1.5s
    misfire: run-latest
    max_late: 2h
    run_on_start: true
    retry: {attempts: 3, backoff: 1s, max_backoff: 5s}
  b: *a
  "c/d:e": {every: 1h, offset: -15m, misfire: skip-missed}
`)
	require.NoError(t, err)
	a := backends.Override{
		Delay: 90 * time.Second, Timeout: new(time.Duration(0)), Jitter: new(1500 * time.Millisecond), RunOnStart: new(true),
		Misfire: new(core.RunLatest), MaxLate: new(2 * time.Hour),
		Retry: &backends.Retry{Attempts: 3, Backoff: time.Second, MaxBackoff: 5 * time.Second},
	}
	assert.Equal(t, map[string]backends.Override{"a": a, "b": a, "c/d:e": {Every: time.Hour, Offset: -15 * time.Minute, Misfire: new(core.SkipMissed)}}, cfg.Workers)
}

func TestLoadTellsWhatIsWrongAndWhere(t *testing.T) {
	for _, c := range []struct{ data, want string }{
		// The document.
		{"[1, 2]", `f:1:1: wants a mapping, as in "key: value", got a list`},
		{"native", `f:1:1: wants a mapping, as in "key: value", got one value`},
		{"a: [", "f:1:4: is not YAML: "},
		{"workers:\n\ta: {}", "f:2:1: is not YAML: it has a tab here; use spaces"},
		{"workers:\n  a:\n    every: 2s\n   jitter: 1s", "f:4:4: is not YAML: a value is not allowed here; check the indentation"},
		{"backend: native\n---\nbackend: gocron\n", "f:3:1: a second document begins here, after ---; there can be one"},
		{strings.Repeat("[", 1000), "f:1:101: is nested deeper than any configuration"},
		{strings.Repeat("#", 1<<20+1), "f: is too large for a configuration: it has 1048577 bytes, and the limit is 1048576 (1 MiB)"},
		// Keys.
		{"backnd: native", `f:1:1: backnd: unknown key; did you mean "backend"?`},
		{"redis: {}", `f:1:1: redis: unknown key; known are backend, enabled, namespace, instance, max_concurrent, stop_grace, connect_timeout, log_level, workers, asynq, fakeredis, `},
		{"backend: native\nbackend: native", `f:2:1: backend: is given twice, first in line 1`},
		{"workers:\n  a: {every: 1h, every: 2h}", `f:2:18: workers.a.every: is given twice, first in line 2`},
		{"nats: {url: *x}", "f:1:13: an alias (*) has no anchor (&) above it; a text that begins with * must be in quotes"},
		{"nats:\n  url: !x", "f:2:8: tags are not supported; a text that begins with ! must be in quotes"},
		{"nats:\n  url: &x\n  a: b", "f:2:8: an anchor (&) has no value; a text that begins with & must be in quotes"},
		{"nats:\n  password: &se cret", "f:2:13: no alias (*) refers to this anchor (&); a text that begins with & must be in quotes"},
		{"? [a]\n: b", "f:2:1: is not YAML: "},
		{"<<: {backend: native}", "f:1:1: a key must be a plain word; merging with << is not supported"},
		{"native: {x: 1}", "f:1:10: native.x: unknown key; there are none here"},
		{"fakeredis:\n  leese: 1s", `f:2:3: fakeredis.leese: unknown key; did you mean "lease"?`},
		{"fakeredis:\n  tls: {cert: x}", `f:2:9: fakeredis.tls.cert: unknown key; known are ca`},
		{"nats: nats://localhost", `f:1:7: nats: wants a mapping, as in "key: value", got one value`},
		// Values.
		{"backend: [native]", "f:1:10: backend: wants one value, got a list"},
		{"backend: ''", "f:1:1: backend: is empty; without the key it is native"},
		{"\xff\xfeb\x00", "f: is not text in UTF-8"},
		{"\ufeffbackend: [native]", "f:1:10: backend: wants one value, got a list"},
		{"enabled: 'true'", `f:1:10: enabled: wants it without quotes, got "true"`},
		{"fakeredis: {queues: \"3\"}", "f:1:21: fakeredis.queues: wants it without quotes"},
		{"workers:\n  a: {retry: {attempts: \"3\"}}", `f:2:25: workers.a.retry.attempts: wants it without quotes, got "3"`},
		{"enabled: maybe", `f:1:10: enabled: wants true or false, got "maybe"`},
		{"namespace: a b", `f:1:1: namespace: has ' ' at byte 1; letters, digits and . _ - are allowed`},
		{"namespace: " + strings.Repeat("a", 65), "f:1:1: namespace: is 65 bytes long, at most 64 are allowed"},
		{"workers: 3", `f:1:10: workers: wants a mapping, as in "key: value", got one value`},
		{"workers: {a: 1h}", `f:1:14: workers.a: wants a mapping, as in "key: value", got one value`},
		{"fakeredis: {queues: many}", "f:1:21: fakeredis.queues: wants a number that fits int"},
		{"fakeredis: {queues: 99999999999999999999}", "f:1:21: fakeredis.queues: wants a number that fits int"},
		{"fakeredis: {servers: a}", "f:1:22: fakeredis.servers: wants a list, got one value"},
		{"fakeredis: {lease: 10}", "f:1:20: fakeredis.lease: wants a duration with its unit, such as 90s, 10m or 1h30m"},
		// Workers.
		{"workers:\n  a: {evry: 1h}", `f:2:7: workers.a.evry: unknown key; did you mean "every"?`},
		{"workers:\n  a: {every: 10}", `f:2:14: workers.a.every: wants a duration with its unit, such as 90s, 10m or 1h30m, got "10"`},
		{"workers:\n  a: {every: -1h}", "f:2:7: workers.a.every: must be longer than zero, got -1h0m0s"},
		{"workers:\n  a: {every: 0s}", "f:2:7: workers.a.every: must be longer than zero, got 0s"},
		{"workers:\n  a: {delay: 0}", "f:2:7: workers.a.delay: must be longer than zero, got 0s"},
		{"workers:\n  a: {timeout: -1s}", "f:2:7: workers.a.timeout: must not be negative, got -1s"},
		{"workers:\n  a: {jitter: -1s}", "f:2:7: workers.a.jitter: must not be negative, got -1s"},
		{"workers:\n  a:\n    every: 1m\n    jitter: 1m", "f:4:5: workers.a.jitter: must be shorter than the period of 1m0s, got 1m0s"},
		{"workers:\n  a:\n    every: 1m\n    cron: \"* * * * *\"", "f:4:5: workers.a.cron: a worker has one schedule, and here are every, cron"},
		{"workers:\n  a: {cron: \"* * * * *\", delay: 1m}", "f:2:26: workers.a.delay: a worker has one schedule, and here are cron, delay"},
		{"workers:\n  a: {cron: \"0 25 * * *\"}", `f:2:7: workers.a.cron: cron expression "0 25 * * *": hour "25" is not between 0 and 23`},
		{"workers:\n  a: {cron: \"0 0 30 2 *\"}", `f:2:7: workers.a.cron: cron expression "0 0 30 2 *"`},
		{"workers:\n  a: {cron: \"\"}", "f:2:7: workers.a.cron: is empty"},
		{"workers:\n  a: {timezone: \"\"}", "f:2:7: workers.a.timezone: is empty; name the zone, as in Europe/Berlin or UTC"},
		{"workers:\n  a: {cron: \"@daily\", timezone: \"\"}", "f:2:23: workers.a.timezone: is empty"},
		{"workers:\n  a: {timezone: Berlin}", `f:2:7: workers.a.timezone: no time zone "Berlin" is known here`},
		{"workers:\n  a: {every: 1h, timezone: UTC}", "f:2:18: workers.a.timezone: needs cron, but every has no time zone"},
		{"workers:\n  a: {timezone: UTC, delay: 1h}", "f:2:7: workers.a.timezone: needs cron, but delay has no time zone"},
		{"workers:\n  a: {cron: \"@every 1h\", timezone: UTC}", "f:2:26: workers.a.timezone: needs cron, but @every has no time zone"},
		{"workers:\n  a: {cron: \"* * * * *\", timezone: Berlin}", `f:2:26: workers.a.timezone: no time zone "Berlin" is known here`},
		{"workers:\n  a: {cron: \"* * * * *\", timezone: Local}", `f:2:26: workers.a.timezone: "Local" is another zone on every host`},
		{"workers:\n  a: {cron: \"* * * * *\", timezone: ../x}", `f:2:26: workers.a.timezone: no time zone "../x" is known here`},
		{"workers:\n  a: {every: 1h, offset: 1h}", "f:2:18: workers.a.offset: must be shorter than the period of 1h0m0s, got 1h0m0s"},
		{"workers:\n  a: {every: 1h, offset: -61m}", "f:2:18: workers.a.offset: must be shorter than the period of 1h0m0s, got -1h1m0s"},
		{"workers:\n  a: {offset: 0}", "f:2:7: workers.a.offset: goes with every, which is not given"},
		{"workers:\n  a: {cron: \"* * * * *\", offset: 1s}", "f:2:26: workers.a.offset: goes with every, which is not given"},
		{"workers:\n  a: {misfire: skip}", `f:2:16: workers.a.misfire: wants run-latest or skip-missed, got "skip"`},
		{"workers:\n  a: {max_late: -1s}", "f:2:7: workers.a.max_late: must not be negative, got -1s"},
		{"workers:\n  a: {misfire: skip-missed, max_late: 1m}", "f:2:29: workers.a.max_late: goes with misfire run-latest, and here is skip-missed"},
		{"workers:\n  a: {retry: 3}", `f:2:14: workers.a.retry: wants a mapping`},
		{"workers:\n  a: {retry: {attempts: 0}}", "f:2:15: workers.a.retry.attempts: must be 1 or more, the first included, got 0"},
		{"workers:\n  a: {retry: {attempts: 1.5}}", `f:2:25: workers.a.retry.attempts: wants a number that fits int, got "1.5"`},
		{"workers:\n  a: {retry: {backoff: -1s}}", "f:2:15: workers.a.retry.backoff: must be longer than zero, got -1s"},
		{"workers:\n  a: {retry: {backoff: 0s}}", "f:2:15: workers.a.retry.backoff: must be longer than zero, got 0s"},
		{"workers:\n  a: {retry: {max_backoff: 1s}}", "f:2:15: workers.a.retry.max_backoff: goes with backoff, which is not given"},
		{"workers:\n  a: {retry: {backoff: 2s, max_backoff: 1s}}", "f:2:28: workers.a.retry.max_backoff: must not be shorter than backoff, which is 2s, got 1s"},
	} {
		_, err := backends.LoadFrom("f", c.data)
		if assert.Error(t, err, "%q", c.data) {
			assert.True(t, strings.HasPrefix(err.Error(), c.want), "%q:\n got %s\nwant %s", c.data, err, c.want)
			var e *backends.Error
			if assert.ErrorAs(t, err, &e) {
				assert.Equal(t, "f", e.Source)
			}
		}
	}
}

// TestATextWithoutQuotesIsExplained: YAML has a meaning of its own for what a text
// may begin with, and for what may be in it. What is said has no password in it.
func TestATextWithoutQuotesIsExplained(t *testing.T) {
	cron := func(expr string) string {
		return "is not YAML: the cron expression is not in quotes, and * and @ mean something else in YAML; write cron: " + expr
	}
	for _, c := range []struct{ data, want string }{
		{"workers:\n  a:\n    cron: */5 * * * *\n    timeout: 1s\n", "f:3:11: " + cron(`"*/5 * * * *"`)},
		{"workers:\n  a: {cron: */5 * * * *}\n", "f:2:13: " + cron(`"*/5 * * * *"`)},
		{"workers:\n  a: {cron: */5 * * * *, timeout: 1s}\n", "f:2:13: " + cron(`"*/5 * * * *"`)},
		{"workers:\n  a: {cron: */5 1,2 * * *,\n  timeout: 1s}\n", "f:2:13: " + cron(`"*/5 1,2 * * *"`)},
		{"workers:\r\n  a:\r\n    cron: * * * * *\r\n", "f:3:11: " + cron(`"* * * * *"`)},
		{"workers:\n  a:\n    cron: */15 9-17 * * MON-FRI # office\n", "f:3:11: " + cron(`"*/15 9-17 * * MON-FRI"`)},
		{"workers:\n  a:\n    cron: @daily", "f:3:11: " + cron(`"@daily"`)},
		{"workers:\n  a:\n    cron: *secret word\n", "f:3:11: " + cron(`"…"`)},
		{"workers:\n  a: {cron: 0,30 3 * * *}\n", "f:2:15: workers.a: an entry has no colon; inside { } a text with a comma must be in quotes"},
		{"nats: {password: half,secret}\n", "f:1:23: nats: an entry has no colon; inside { } a text with a comma must be in quotes"},
		{"nats:\n  password: *secret word\n", "f:2:13: is not YAML: a text that begins with * must be in quotes"},
		{"nats:\n  password: @secret\n", "f:2:13: is not YAML: a text that begins with @ must be in quotes"},
		{"nats:\n  password: `secret\n", "f:2:13: is not YAML: a text that begins with ` must be in quotes"},
		{"nats:\n  password: |secret\n", "f:2:13: is not YAML: a text that begins with | must be in quotes"},
		{"nats:\n  password: [secret\n", "f:2:13: is not YAML: a list that begins with [ has no ]; a text that begins with [ must be in quotes"},
		{"nats:\n  password: {secret\n", "f:2:14: is not YAML: a mapping in { } has an entry that does not end with , or }; a text that begins with { must be in quotes"},
		{"nats:\n  password: secret: word\n", `f:2:13: is not YAML: a text with ": " in it must be in quotes`},
	} {
		_, err := backends.LoadFrom("f", c.data)
		if assert.EqualError(t, err, c.want, "%q", c.data) {
			assert.NotContains(t, err.Error(), "secret")
		}
	}
	_, err := backends.LoadFrom("f", "", "TICKWORK_WORKERS={a: {cron: */5 * * * *}}")
	require.EqualError(t, err, "TICKWORK_WORKERS:1:12: "+cron(`"*/5 * * * *"`))
}

func TestAFileThatIsTooLargeStatesItsSizeAndTheLimit(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tickwork.yaml")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.NoError(t, os.Truncate(file, 3<<30)) // of which nothing is read
	_, err := backends.Load(file)
	require.EqualError(t, err, file+": is too large for a configuration: it has 3221225472 bytes, and the limit is 1048576 (1 MiB)")
	_, err = backends.LoadFS(fstest.MapFS{"f": {Data: make([]byte, 2<<20)}}, "f")
	require.EqualError(t, err, "f: is too large for a configuration: it has 2097152 bytes, and the limit is 1048576 (1 MiB)")
	if runtime.GOOS != "windows" {
		_, err = backends.Load("/dev/zero")
		require.EqualError(t, err, "/dev/zero: is too large for a configuration: it has more than 1048576 bytes (1 MiB)")
	}
}

func TestLoadTellsAllAtOnce(t *testing.T) {
	_, err := backends.LoadFrom("f", "enabld: true\nworkers:\n  a: {evry: 1h}\n", "TICKWORK_ENABLED=perhaps")
	require.Error(t, err)
	assert.Len(t, strings.Split(err.Error(), "\n"), 3, "%v", err)
	_, err = backends.LoadFrom("f", "workers:\n  a: {every: -1h, timeout: -1h}\n  b: {delay: -1h}\n")
	require.Error(t, err)
	assert.Len(t, strings.Split(err.Error(), "\n"), 3, "%v", err)
}

func TestLoadOfAFileThatIsNotThere(t *testing.T) {
	_, err := backends.Load("/nowhere/tickwork.yaml")
	require.ErrorIs(t, err, os.ErrNotExist)
	assert.Equal(t, "/nowhere/tickwork.yaml: cannot be read: no such file or directory", err.Error())
}

func FuzzLoad(f *testing.F) {
	f.Add(sample, "{a: {every: 1h}}")
	f.Add("workers: &a {b: *a}", "*a")
	f.Add("fakeredis: {tls: {ca: x}, servers: [a, b], lease: 1s}\n", "a: !x &b {cron: \"0 0 * * *\", timezone: Asia/Tokyo}")
	f.Add("? - - [a\n: |\n  x\n", "{{{")
	f.Fuzz(func(t *testing.T, data, workers string) {
		if strings.ContainsRune(workers, 0) {
			return
		}
		cfg, err := backends.LoadFrom("f", data, "TICKWORK_WORKERS="+workers)
		if err == nil && cfg.String() == "" {
			t.Fatal("a configuration without a backend")
		}
	})
}
