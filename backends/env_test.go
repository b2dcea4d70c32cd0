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
		"TICKWORK_BACKND=native":               `TICKWORK_BACKND: is no variable of tickwork; did you mean "TICKWORK_BACKEND"?`,
		"TICKWORK_ENABLED=maybe":               `TICKWORK_ENABLED: enabled: wants true or false, got "maybe"`,
		"TICKWORK_NAMESPACE=a b":               `TICKWORK_NAMESPACE: namespace: has ' ' at byte 1; letters, digits and . _ - are allowed`,
		"TICKWORK_WORKERS={a: {evry: 1h}}":     `TICKWORK_WORKERS:1:6: workers.a.evry: unknown key; did you mean "every"?`,
		"TICKWORK_WORKERS={a: {every: -1h}}":   `TICKWORK_WORKERS:1:6: workers.a.every: must be longer than zero, got -1h0m0s`,
		"TICKWORK_FAKEREDIS_LEASE=secret":      `TICKWORK_FAKEREDIS_LEASE: fakeredis.lease: wants a duration with its unit, such as 90s, 10m or 1h30m`,
		"TICKWORK_FAKEREDIS_LEESE=secret":      `TICKWORK_FAKEREDIS_LEESE: fakeredis has no such key; did you mean "TICKWORK_FAKEREDIS_LEASE"?`,
		"TICKWORK_NATIVE_ANYTHING=1":           `TICKWORK_NATIVE_ANYTHING: native has no such key; there are none here`,
		"TICKWORK_WORKERS=[":                   ``,
		"TICKWORK_FAKEREDIS_URL_SERVICE=redis": ``,
	} {
		_, err := backends.LoadFrom("", "", variable)
		if assert.Error(t, err, variable) && want != "" {
			assert.Equal(t, want, err.Error())
		}
	}
}

func TestVariablesOfOthersAreLetBe(t *testing.T) {
	_, err := backends.LoadFrom("", "",
		"TICKWORK_REPORT=/tmp/x",
		"TICKWORK_PORT=tcp://10.0.0.1:80",
		"TICKWORK_SERVICE_HOST=10.0.0.1",
		"TICKWORK_FAKEREDIS_PORT=tcp://10.0.0.1:6379",
		"TICKWORK_FAKEREDIS_PORT_6379_TCP_ADDR=10.0.0.1",
		"TICKWORK_FAKEREDIS_SERVICE_PORT_REDIS=6379",
		"TICKWORK_FAKEREDIS_HEADLESS_SERVICE_HOST=10.0.0.1",
		"TICKWORK_ASYNQ_URL=redis://localhost", // not imported
		"TICKWORKERS=1",
	)
	require.NoError(t, err)
}

func TestASecondScheduleInTheEnvironmentReplacesTheFirst(t *testing.T) {
	cfg, err := backends.LoadFrom("f", "workers: {a: {cron: \"@daily\", timezone: Asia/Tokyo}}", "TICKWORK_WORKERS=a: {every: 1h}")
	require.NoError(t, err)
	assert.Equal(t, backends.Override{Every: time.Hour}, cfg.Workers["a"])
}
