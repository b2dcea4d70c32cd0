package backends_test

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends"
	"github.com/seed-891a2e1b/tickwork/core"
)

// TestTheConfigurationComesOverTheOptions: from each source, and one that says
// nothing leaves the program's as they are.
func TestTheConfigurationComesOverTheOptions(t *testing.T) {
	const file = "backend: fakeredis\ninstance: a\nmax_concurrent: 3\nstop_grace: 5s\nconnect_timeout: 6s\nlog_level: warn\n"
	variables := []string{"TICKWORK_BACKEND=fakeredis", "TICKWORK_INSTANCE=a", "TICKWORK_MAX_CONCURRENT=3", "TICKWORK_STOP_GRACE=5s",
		"TICKWORK_CONNECT_TIMEOUT=6s", "TICKWORK_LOG_LEVEL=WARN"}
	load := func(data string, environ ...string) backends.Config {
		cfg, err := backends.LoadFrom("f", data, environ...)
		require.NoError(t, err)
		return cfg
	}
	ofURL, err := backends.ParseURL("fakeredis://host?instance=a&max_concurrent=3&stop_grace=5s&connect_timeout=6s&log_level=warn&lease=1s")
	require.NoError(t, err)
	given := core.Options{Instance: "b", MaxConcurrent: 1, StopGrace: time.Minute, ConnectTimeout: time.Minute, Logger: slog.New(slog.DiscardHandler)}
	for name, cfg := range map[string]backends.Config{
		"a file":                   load(file),
		"the environment":          load("instance: c\nmax_concurrent: 9", variables...),
		"a URL":                    ofURL,
		"a program's own":          {Backend: "fakeredis", Instance: "a", MaxConcurrent: new(3), StopGrace: new(5 * time.Second), ConnectTimeout: 6 * time.Second, LogLevel: new(slog.LevelWarn)},
		"the environment, in part": load(file+"namespace: x", "TICKWORK_INSTANCE=a"),
	} {
		_, err := backends.Open(t.Context(), cfg, given)
		require.NoError(t, err, name)
		got := lastOptions
		assert.True(t, got.Logger.Enabled(t.Context(), slog.LevelWarn), name)
		assert.False(t, got.Logger.Enabled(t.Context(), slog.LevelInfo), name)
		got.Logger = nil
		assert.Equal(t, core.Options{Instance: "a", MaxConcurrent: 3, StopGrace: 5 * time.Second, ConnectTimeout: 6 * time.Second}, got, name)
	}

	_, err = backends.Open(t.Context(), load("backend: fakeredis"), given)
	require.NoError(t, err)
	assert.Equal(t, given, lastOptions, "nothing is said of them")

	_, err = backends.Open(t.Context(), load("backend: fakeredis\nmax_concurrent: 0\nstop_grace: 0"), given)
	require.NoError(t, err)
	assert.Zero(t, lastOptions.MaxConcurrent, "zero is no limit")
	assert.Negative(t, lastOptions.StopGrace, "zero is not at all")
}

func TestOptionsThatCannotBeRightAreRefusedWithTheirLine(t *testing.T) {
	for data, want := range map[string]string{
		"\ninstance: ''":           "f:2:1: instance: is empty; without the key each instance makes up a name",
		"\nmax_concurrent: -1":     "f:2:1: max_concurrent: must not be negative, got -1",
		"\nmax_concurrent: x":      `f:2:17: max_concurrent: wants a number that fits int, got "x"`,
		"\nstop_grace: -1s":        "f:2:1: stop_grace: must not be negative, got -1s",
		"\nconnect_timeout: 0":     "f:2:1: connect_timeout: must be longer than zero, got 0s",
		"\nlog_level: loud":        `f:2:12: log_level: wants debug, info, warn or error, got "loud"`,
		"\nenabled: yes":           `f:2:10: enabled: wants true or false; for yes write true, got "yes"`,
		"\nenabled: 0":             `f:2:10: enabled: wants true or false; for 0 write false, got "0"`,
		"fakeredis: {strict: off}": "f:1:21: fakeredis.strict: wants true or false; for off write false",
	} {
		_, err := backends.LoadFrom("f", data)
		assert.EqualError(t, err, want)
	}
	_, err := backends.ParseURL("native://?max_concurrent=x")
	require.EqualError(t, err, "backends: max_concurrent: wants a number that fits int")
	_, err = backends.ParseURL("native://?stop_grace=-1s")
	require.EqualError(t, err, "backends: stop_grace: must not be negative, got -1s")

	cfg, err := backends.LoadFrom("f", "max_concurrent: 1")
	require.NoError(t, err)
	cfg.MaxConcurrent = new(-1)
	_, err = backends.Open(t.Context(), cfg, quiet)
	require.EqualError(t, err, "backends: max_concurrent: must not be negative, got -1", "the program's own, which has no line")
}

// TestLogLevelIsThatOfTheManagersLogger: of its own records and of those of the
// runs, above and below the level of the program's handler.
func TestLogLevelIsThatOfTheManagersLogger(t *testing.T) {
	for level, want := range map[string][2]bool{
		"":                 {false, true},
		"log_level: debug": {true, true},
		"log_level: error": {false, false},
	} {
		var log bytes.Buffer
		cfg, err := backends.LoadFrom("f", level)
		require.NoError(t, err)
		m, err := backends.Open(t.Context(), cfg, core.Options{Logger: slog.New(slog.NewTextHandler(&log, nil)).With("app", "x")})
		require.NoError(t, err)
		ran := make(chan struct{}, 1)
		w := worker("a", core.Every(time.Hour))
		w.Run = func(ctx context.Context) error {
			core.Logger(ctx).Info("from the run")
			ran <- struct{}{}
			return nil
		}
		require.NoError(t, m.Add(t.Context(), w))
		require.NoError(t, m.Start(t.Context()))
		_, err = m.Trigger(t.Context(), "a")
		require.NoError(t, err)
		<-ran
		require.NoError(t, m.Stop(context.Background()))
		assert.Equal(t, want[0], bytes.Contains(log.Bytes(), []byte(`msg="tickwork: run began" app=x`)), "%q: %s", level, log.String())
		assert.Equal(t, want[1], bytes.Contains(log.Bytes(), []byte(`msg="from the run" app=x`)), "%q: %s", level, log.String())
	}
}
