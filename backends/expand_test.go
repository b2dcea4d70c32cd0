package backends_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends"
)

func TestAVariableStandsForItsValueInAFile(t *testing.T) {
	cfg, err := backends.LoadFrom("f", `
backend: ${BACKEND:-fakeredis}
enabled: ${ENABLED}
instance: worker-${HOST}-$1-$${HOST}
max_concurrent: "${N:-3}"
fakeredis:
  url: redis://${HOST}:${PORT:-6379}
  password: ${TICKWORK_PASSWORD}
  lease: ${LEASE}
  queues: ${QUEUES}
  servers: ["${HOST}", "b$$c", "${EMPTY:-}d"]
  tls: {ca: '${DIR:-/etc/$$ssl}/ca.pem'}
workers:
  ${HOST}: {every: "${PERIOD:-1h}"}
`, "HOST=h", "ENABLED=true", "LEASE=5s", "QUEUES=2", "TICKWORK_PASSWORD=p$${HOST}\n", "EMPTY=")
	require.NoError(t, err)
	assert.Equal(t, "worker-h-$1-${HOST}", cfg.Instance)
	assert.Equal(t, 3, *cfg.MaxConcurrent)
	assert.Equal(t, map[string]backends.Override{"${HOST}": {Every: time.Hour}}, cfg.Workers, "a key is as it is written")
	_, err = backends.Open(t.Context(), cfg, quiet)
	require.NoError(t, err)
	want := redisConfig{
		URL: "redis://h:6379", Password: "p$${HOST}", Lease: 5 * time.Second, Queues: 2,
		Servers: []string{"h", "b$c", "d"},
	}
	want.TLS.CA = "/etc/$ssl/ca.pem"
	assert.Equal(t, want, lastRedis)
}

func TestAVariableThatIsNotSetIsNamedWithItsLine(t *testing.T) {
	const unset = "refers to the variable PW, which is not set or is empty; set it, or write ${PW:-} if it may be empty"
	const malformed = "has a ${ that does not begin ${NAME} or ${NAME:-default}; write $${ for the text ${"
	for data, want := range map[string]string{
		"fakeredis:\n  password: ${PW}":       "f:2:13: fakeredis.password: " + unset,
		"fakeredis:\n  url: redis://${PW}@h":  "f:2:8: fakeredis.url: " + unset,
		"fakeredis:\n  servers: [a, '${PW}']": "f:2:16: fakeredis.servers.1: " + unset,
		"\nnamespace: ${PW}":                  "f:2:12: namespace: " + unset + `, got "${PW}"`,
		"workers:\n  a: {cron: '${PW}'}":      "f:2:13: workers.a.cron: " + unset + `, got "${PW}"`,
		"fakeredis:\n  password: ${1PW}":      "f:2:13: fakeredis.password: " + malformed,
		"fakeredis:\n  password: ${secret":    "f:2:13: fakeredis.password: " + malformed,
		"fakeredis:\n  password: ${A-secret}": "f:2:13: fakeredis.password: " + malformed,
		"fakeredis:\n  password: ${A:?no}":    "f:2:13: fakeredis.password: " + malformed,
		"fakeredis:\n  password: ${A:-${B}}":  "f:2:13: fakeredis.password: " + malformed,
		"fakeredis:\n  password: ${}":         "f:2:13: fakeredis.password: " + malformed,
	} {
		for _, environ := range [][]string{nil, {"PW="}} {
			_, err := backends.LoadFrom("f", data, environ...)
			assert.EqualError(t, err, want, data)
		}
	}
}

// A variable that a file refers to, if only in a comment, goes on to be a setting if
// it is one. If it is not, it is nobody's mistake.
func TestAVariableThatAFileRefersToIsASettingTooIfItIsOne(t *testing.T) {
	for _, data := range []string{
		"# ${TICKWORK_NAMESPACE} and ${TICKWORK_FAKEREDIS_URL} come over this\nbackend: fakeredis",
		"backend: fakeredis\ninstance: ${TICKWORK_NAMESPACE}-${TICKWORK_FAKEREDIS_HOST}\nfakeredis: {password: '${TICKWORK_FAKEREDIS_URL}'}",
	} {
		cfg, err := backends.LoadFrom("f", data+" # ${TICKWORK_FAKEREDIS_HOST}, ${TICKWORK_ANY}",
			"TICKWORK_NAMESPACE=n", "TICKWORK_FAKEREDIS_URL=redis://u", "TICKWORK_FAKEREDIS_HOST=h", "TICKWORK_ANY=a")
		require.NoError(t, err, data)
		_, err = backends.Open(t.Context(), cfg, quiet)
		require.NoError(t, err, data)
		assert.Equal(t, "n", lastRedis.Namespace, data)
		assert.Equal(t, "redis://u", lastRedis.URL, data)
	}
}

// TestWhatAVariableStandsForIsNotShown: no error has any four letters of it. What
// a section has of it is not shown either if the configuration is printed.
func TestWhatAVariableStandsForIsNotShown(t *testing.T) {
	const secret = "Kx7!qZ9v@Lm2"
	for _, data := range []string{
		"namespace: ${S}",
		"instance: ${S}\nmax_concurrent: -1",
		"enabled: ${S}",
		"backend: ${S}",
		"backend: x${S}",
		"log_level: ${S}",
		"stop_grace: ${S}",
		"max_concurrent: ${S}",
		"workers: {a: {cron: '${S}'}}",
		"workers: {a: {cron: '${S} 0 0 * *'}}",
		"workers: {a: {cron: '0 0 0 0 ${S}'}}",
		"workers: {a: {cron: '@${S}'}}",
		"workers: {a: {every: '${S}'}}",
		"workers: {a: {timezone: '${S}'}}",
		"workers: {a: {misfire: '${S}'}}",
		"fakeredis: {lease: '${S}'}",
		"fakeredis: {queues: '${S}'}",
		"fakeredis: {strict: '${S}'}",
		"backend: nats\nnats: {url: '${S}'}",
		"backend: nats\nnats: {url: 'nats://u:${S}@h'}",
		"backend: nats\nnats: {storage: '${S}'}",
		"backend: nats\nnats: {user: '${S}', token: '${S}'}",
		"backend: nats\nnats: {creds: '/nowhere/${S}', nkey: '${S}'}",
		"backend: asynq\nasynq: {url: '${S}'}",
		"backend: asynq\nasynq: {url: 'redis://:${S}@h:x'}",
		"backend: fakeredis\nfakeredis: {password: '${S}', lease: -1s}",
		"backend: fakeredis\nfakeredis: {url: '${S}', lease: -1s}",
		"backend: fakeredis\nfakeredis: {url: '${S}'}",
	} {
		cfg, err := backends.LoadFrom("f", data, "S="+secret)
		if err == nil {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			report := backends.Preflight(ctx, cfg, quiet, nil)
			cancel()
			err = report.Err()
			if !strings.HasPrefix(data, "backend: ${S}") && !strings.HasPrefix(data, "backend: x") {
				notShown(t, data, secret, fmt.Sprintf("%v %+v %#v", cfg, cfg, cfg), report.String())
			}
		}
		if assert.Error(t, err, data) {
			notShown(t, data, secret, err.Error())
		}
	}
	_, err := backends.LoadFrom("f", "workers: {a: {cron: '${S}'}}", "S="+secret)
	require.EqualError(t, err, `f:1:15: workers.a.cron: cron expression "${S}": has too few fields: there are five, minute hour day-of-month month day-of-week, or six with seconds first`)
}

// notShown fails the test if a text has four letters in a row of a secret.
func notShown(t *testing.T, data, secret string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		for i := range len(secret) - 3 {
			assert.NotContains(t, text, secret[i:i+4], data)
		}
	}
}
