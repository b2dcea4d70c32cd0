package backends_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends"
)

func TestTheEnvironmentComesOverTheFile(t *testing.T) {
	cfg, err := backends.LoadFrom("f", `
backend: native
enabled: true
namespace: a
fakeredis: {url: "redis://localhost", lease: 5s, tls: {ca: old}}
workers:
  a: {every: 1h, timeout: 1m}
  b: {every: 1h}
`,
		"HOME=/root",
		"TICKWORK_BACKEND=fakeredis",
		"TICKWORK_ENABLED=false",
		"TICKWORK_NAMESPACE=b",
		"TICKWORK_FAKEREDIS_URL=redis://:p#ss: word@host",
		"TICKWORK_FAKEREDIS_SERVERS=x, y",
		"TICKWORK_FAKEREDIS_QUEUES=3",
		"TICKWORK_FAKEREDIS_STRICT=true",
		"TICKWORK_FAKEREDIS_TLS_CA=new",
		"TICKWORK_FAKEREDIS_PASSWORD=",
		`TICKWORK_WORKERS={a: {cron: "@daily"}, c: {delay: 1s}}`,
		"TICKWORK_GOCRON_TAGS=x, y",
	)
	require.NoError(t, err)
	assert.Equal(t, "fakeredis", cfg.Backend)
	assert.False(t, *cfg.Enabled)
	assert.Equal(t, map[string]backends.Override{
		"a": {Cron: "@daily", Timeout: new(time.Minute)},
		"b": {Every: time.Hour},
		"c": {Delay: time.Second},
	}, cfg.Workers)

	_, err = backends.Open(context.Background(), cfg, quiet)
	require.NoError(t, err)
	want := redisConfig{
		URL: "redis://:p#ss: word@host", Lease: 5 * time.Second, Servers: []string{"x", "y"},
		Queues: 3, Strict: new(true), Namespace: "b",
	}
	want.TLS.CA = "new"
	assert.Equal(t, want, lastRedis)
}

func TestLoadReadsTheProcessEnvironment(t *testing.T) {
	t.Setenv("TICKWORK_NAMESPACE", "from-env")
	cfg, err := backends.Load("")
	require.NoError(t, err)
	assert.Equal(t, "from-env", cfg.Namespace)
}

func TestTheEnvironmentTellsWhatIsWrong(t *testing.T) {
	for variable, want := range map[string]string{
		"TICKWORK_BACKND=native":               `TICKWORK_BACKND: is not a variable of tickwork; did you mean "TICKWORK_BACKEND"?`,
		"TICKWORK_ENABLED=maybe":               `TICKWORK_ENABLED: enabled: wants true or false, got "maybe"`,
		"TICKWORK_NAMESPACE=a b":               `TICKWORK_NAMESPACE: namespace: has ' ' at byte 1; letters, digits and . _ - are allowed`,
		"TICKWORK_WORKERS={a: {evry: 1h}}":     `TICKWORK_WORKERS:1:6: workers.a.evry: unknown key; did you mean "every"?`,
		"TICKWORK_WORKERS={a: {every: -1h}}":   `TICKWORK_WORKERS:1:6: workers.a.every: must be longer than zero, got -1h0m0s`,
		"TICKWORK_FAKEREDIS_LEASE=secret":      `TICKWORK_FAKEREDIS_LEASE: fakeredis.lease: wants a duration with its unit, such as 90s, 10m or 1h30m`,
		"TICKWORK_FAKEREDIS_LEESE=secret":      `TICKWORK_FAKEREDIS_LEESE: fakeredis has no such key; did you mean "TICKWORK_FAKEREDIS_LEASE"?`,
		"TICKWORK_NATIVE_ANYTHING=1":           `TICKWORK_NATIVE_ANYTHING: native has no such key; there are none here`,
		"TICKWORK_ASYNC_URL=secret":            `TICKWORK_ASYNC_URL: is not a variable of tickwork; did you mean "TICKWORK_ASYNQ_URL"?`,
		"TICKWORK_NATS_TSL_CA=secret":          `TICKWORK_NATS_TSL_CA: nats has no such key; did you mean "TICKWORK_NATS_TLS_CA"?`,
		"TICKWORK_KAFKA_LEASE=secret":          `TICKWORK_KAFKA_LEASE: is not a variable of tickwork; variables with that ending are TICKWORK_ASYNQ_LEASE, TICKWORK_FAKEREDIS_LEASE, TICKWORK_NATS_LEASE, TICKWORK_QUEUE_LEASE`,
		"TICKWORK_REDIS_URL=secret":            `TICKWORK_REDIS_URL: is not a variable of tickwork; variables with that ending are TICKWORK_ASYNQ_URL, TICKWORK_FAKEREDIS_URL, TICKWORK_NATS_URL, TICKWORK_QUEUE_URL`,
		"TICKWORK_POLL=1s":                     `TICKWORK_POLL: is not a variable of tickwork; variables with that ending are TICKWORK_ASYNQ_POLL`,
		"TICKWORK_TIMEZONE=UTC":                inWorkers("TICKWORK_TIMEZONE"),
		"TICKWORK_WORKERS_HEARTBEAT=1":         inWorkers("TICKWORK_WORKERS_HEARTBEAT"),
		"TICKWORK_DELETE_OLD_LOGS_EVERY=1h":    inWorkers("TICKWORK_DELETE_OLD_LOGS_EVERY"),
		"TICKWORK_A_RUN_ON_START=true":         inWorkers("TICKWORK_A_RUN_ON_START"),
		"TICKWORK_A_RETRY_ATTEMPTS=3":          inWorkers("TICKWORK_A_RETRY_ATTEMPTS"),
		"TICKWORK_INSTANCE_NAME=a":             `TICKWORK_INSTANCE_NAME: is not a variable of tickwork; did you mean "TICKWORK_INSTANCE"?`,
		"TICKWORK_LOGLEVEL=debug":              `TICKWORK_LOGLEVEL: is not a variable of tickwork; did you mean "TICKWORK_LOG_LEVEL"?`,
		"TICKWORK_GRACE=1s":                    `TICKWORK_GRACE: is not a variable of tickwork; did you mean "TICKWORK_STOP_GRACE"?`,
		"TICKWORK_COLOUR=secret":               unknown("TICKWORK_COLOUR"),
		"TICKWORK_=secret":                     unknown("TICKWORK_"),
		"TICKWORK_REQUIRE_SERVER=1":            unknown("TICKWORK_REQUIRE_SERVER"),
		"TICKWORK_ENABLED=1":                   `TICKWORK_ENABLED: enabled: wants true or false; for 1 write true, got "1"`,
		"TICKWORK_ENABLED=Off":                 `TICKWORK_ENABLED: enabled: wants true or false; for off write false, got "Off"`,
		"TICKWORK_FAKEREDIS_STRICT=no":         `TICKWORK_FAKEREDIS_STRICT: fakeredis.strict: wants true or false; for no write false`,
		"TICKWORK_FAKEREDIS_STRICT=secret":     `TICKWORK_FAKEREDIS_STRICT: fakeredis.strict: wants true or false`,
		"TICKWORK_LOG_LEVEL=verbose":           `TICKWORK_LOG_LEVEL: log_level: wants debug, info, warn or error, got "verbose"`,
		"TICKWORK_MAX_CONCURRENT=-1":           `TICKWORK_MAX_CONCURRENT: max_concurrent: must not be negative, got -1`,
		"TICKWORK_CONNECT_TIMEOUT=0s":          `TICKWORK_CONNECT_TIMEOUT: connect_timeout: must be longer than zero, got 0s`,
		"TICKWORK_STOP_GRACE=-1s":              `TICKWORK_STOP_GRACE: stop_grace: must not be negative, got -1s`,
		"TICKWORK_INSTANCE=a\x00b":             `TICKWORK_INSTANCE: instance: has a character that cannot be printed`,
		"TICKWORK_PORT=4222":                   unknown("TICKWORK_PORT"), // Kubernetes' is a URL
		"TICKWORK_QUEUE_PORT=4222":             `TICKWORK_QUEUE_PORT: queue has no such key; known are TICKWORK_QUEUE_URL, TICKWORK_QUEUE_LEASE`,
		"TICKWORK_WORKERS=[":                   ``,
		"TICKWORK_FAKEREDIS_URL_SERVICE=redis": ``,
	} {
		_, err := backends.LoadFrom("", "", variable)
		if assert.Error(t, err, variable) && want != "" {
			assert.Equal(t, want, err.Error())
		}
	}
}

func inWorkers(name string) string {
	return name + ": is not a variable of tickwork; change workers with TICKWORK_WORKERS, which is YAML, as in {delete-old-logs: {every: 2h}}"
}

func unknown(name string) string {
	return name + ": is not a variable of tickwork; known are TICKWORK_BACKEND, TICKWORK_ENABLED, TICKWORK_NAMESPACE, TICKWORK_INSTANCE, " +
		"TICKWORK_MAX_CONCURRENT, TICKWORK_STOP_GRACE, TICKWORK_CONNECT_TIMEOUT, TICKWORK_LOG_LEVEL, TICKWORK_WORKERS, " +
		"and TICKWORK_NATS_URL and so on for the keys of backends"
}

// TestALineEndAfterAValueIsLeftOut: secrets that are mounted often have one.
func TestALineEndAfterAValueIsLeftOut(t *testing.T) {
	cfg, err := backends.LoadFrom("f", "fakeredis:\n  url: |\n    redis://host\n  servers: [\"a\\n\", b]\n  tls: {ca: \"file\\r\\n\"}\n",
		"TICKWORK_BACKEND=fakeredis\n", "TICKWORK_NAMESPACE=a\r\n", "TICKWORK_ENABLED=true\n", "TICKWORK_FAKEREDIS_PASSWORD=se\ncret \n", "TICKWORK_FAKEREDIS_LEASE=\n")
	require.NoError(t, err)
	_, err = backends.Open(t.Context(), cfg, quiet)
	require.NoError(t, err)
	want := redisConfig{URL: "redis://host", Servers: []string{"a", "b"}, Namespace: "a", Password: "se\ncret "}
	want.TLS.CA = "file"
	assert.Equal(t, want, lastRedis)
	_, err = backends.OpenURL(t.Context(), "fakeredis://host\n", quiet)
	require.NoError(t, err)
	assert.Equal(t, redisConfig{URL: "fakeredis://host"}, lastRedis)
}

func TestVariablesOfOthersAreLetBe(t *testing.T) {
	defer backends.Unregister("asynq")()
	_, err := backends.LoadFrom("", "",
		"TICKWORK_REPORT=/tmp/x",
		"TICKWORK_WALL_CLOCK=1", // and further ones of tests
		"TICKWORK_SEEDS=9",
		"TICKWORK_CHAOS_LOSES=1",
		"TICKWORK_CONFORMANCE_NODE=a",
		"TICKWORK_TEST_SHARDED=1",
		"TICKWORK_EXAMPLE_NODE=1",
		"TICKWORK_REQUIRE_SERVERS=1",
		"TICKWORK_REDIS_URL=", // empty is as good as none
		"TICKWORK_POLL_PORT=tcp://10.0.0.1:80",
		"TICKWORK_PORT=tcp://10.0.0.1:80",
		"TICKWORK_SERVICE_HOST=10.0.0.1",
		"TICKWORK_FAKEREDIS_PORT=tcp://10.0.0.1:6379",
		"TICKWORK_FAKEREDIS_PORT_6379_TCP_ADDR=10.0.0.1",
		"TICKWORK_FAKEREDIS_SERVICE_PORT_REDIS=6379",
		"TICKWORK_FAKEREDIS_HEADLESS_SERVICE_HOST=10.0.0.1",
		"TICKWORK_ASYNQ_URL=redis://localhost",
		"TICKWORK_ASYNQ_NO_KEY=1", // nobody knows the keys of what is not imported
		"TICKWORKERS=1",
	)
	require.NoError(t, err)
}

func TestASecondScheduleInTheEnvironmentReplacesTheFirst(t *testing.T) {
	cfg, err := backends.LoadFrom("f", "workers: {a: {cron: \"@daily\", timezone: Asia/Tokyo}}", "TICKWORK_WORKERS=a: {every: 1h}")
	require.NoError(t, err)
	assert.Equal(t, backends.Override{Every: time.Hour}, cfg.Workers["a"])
}

// Of a cron expression and its time zone the environment replaces one or both, as
// the file does those of the program.
func TestTheEnvironmentReplacesAScheduleOrItsZoneAlone(t *testing.T) {
	for environ, want := range map[string]backends.Override{
		"{a: {timezone: Asia/Tokyo}}":                  {Cron: "@daily", Timezone: "Asia/Tokyo"},
		`{a: {cron: "@weekly"}}`:                       {Cron: "@weekly", Timezone: "Europe/Berlin"},
		`{a: {cron: "@weekly", timezone: Asia/Tokyo}}`: {Cron: "@weekly", Timezone: "Asia/Tokyo"},
		"{a: {delay: 1h}}":                             {Delay: time.Hour},
		"{a: {every: 1h, offset: 0}}":                  {Every: time.Hour},
	} {
		cfg, err := backends.LoadFrom("f", "workers: {a: {cron: \"@daily\", timezone: Europe/Berlin}}", "TICKWORK_WORKERS="+environ)
		require.NoError(t, err, environ)
		assert.Equal(t, want, cfg.Workers["a"], environ)
	}
	for environ, want := range map[string]string{
		// As in a file, also where the file has what would go with it.
		"{a: {offset: 0}}":            "TICKWORK_WORKERS:1:6: workers.a.offset: goes with every, which is not given",
		"{a: {offset: 5m}}":           "TICKWORK_WORKERS:1:6: workers.a.offset: goes with every, which is not given",
		"{a: {timezone: ''}}":         "TICKWORK_WORKERS:1:6: workers.a.timezone: is empty; name the zone, as in Europe/Berlin or UTC",
		"{a: {cron: ''}}":             "TICKWORK_WORKERS:1:6: workers.a.cron: is empty",
		"{a: {every: 0}}":             "TICKWORK_WORKERS:1:6: workers.a.every: must be longer than zero, got 0s",
		"{a: {timezone: Asia/Tokyo}}": "TICKWORK_WORKERS:1:6: workers.a.timezone: needs cron, but every has no time zone",
	} {
		_, err := backends.LoadFrom("f", "workers: {a: {every: 1h, offset: 15m}}", "TICKWORK_WORKERS="+environ)
		assert.EqualError(t, err, want)
	}
}

// What the environment says of a retry comes over what the file says, key by key.
func TestARetryInTheEnvironmentKeepsWhatTheFileSaysBesides(t *testing.T) {
	cfg, err := backends.LoadFrom("f", "workers: {a: {retry: {attempts: 3, backoff: 1s}}, b: {retry: {attempts: 3}}}",
		"TICKWORK_WORKERS={a: {retry: {attempts: 5}}, b: {retry: {backoff: 2s}}}")
	require.NoError(t, err)
	assert.Equal(t, map[string]backends.Override{
		"a": {Retry: &backends.Retry{Attempts: 5, Backoff: time.Second}},
		"b": {Retry: &backends.Retry{Attempts: 3, Backoff: 2 * time.Second}},
	}, cfg.Workers)
	_, err = backends.Open(context.Background(), cfg, quiet)
	require.NoError(t, err)
}

func TestGiven(t *testing.T) {
	var set, tls backends.Config
	set.Set("fakeredis", redisConfig{URL: "x"})
	other := redisConfig{Client: 1}
	other.TLS.CA = "x"
	tls.Set("fakeredis", &other)
	load := func(data string, environ ...string) backends.Config {
		cfg, err := backends.LoadFrom("f", data, environ...)
		require.NoError(t, err)
		return cfg
	}
	ofURL, err := backends.ParseURL("fakeredis://host?lease=1s")
	require.NoError(t, err)
	for _, c := range []struct {
		name     string
		cfg      backends.Config
		url, key bool
	}{
		{"nothing", backends.Config{}, false, false},
		{"Set", set, true, false},
		{"Set of another key", tls, false, true},
		{"a file", load("fakeredis: {url: x}"), true, false},
		{"a section without it", load("fakeredis: {lease: 1s, tls: {ca: x}}"), false, true},
		{"an empty section", load("fakeredis:"), false, false},
		{"null", load("fakeredis: {url: ~, tls: ~}"), false, false},
		{"empty, which comes over Set", load(`fakeredis: {url: "", tls: {ca: ""}}`), true, true},
		{"the environment", load("", "TICKWORK_FAKEREDIS_URL=x", "TICKWORK_FAKEREDIS_TLS_CA=x"), true, true},
		{"a URL", ofURL, true, false},
	} {
		assert.Equal(t, c.url, c.cfg.Given("fakeredis", "url"), "url: %s", c.name)
		assert.Equal(t, c.key, c.cfg.Given("fakeredis", "tls.ca"), "tls.ca: %s", c.name)
	}
	assert.False(t, set.Given("fakeredis", "uri"), "no such key")
	assert.False(t, set.Given("nowhere", "url"), "no such backend")
}
