package backends_test

import (
	"context"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends"
	"github.com/seed-891a2e1b/tickwork/core"
)

func TestOpenOfTheZeroConfigIsNative(t *testing.T) {
	m, err := backends.Open(context.Background(), backends.Config{}, quiet)
	require.NoError(t, err)
	assert.Equal(t, "native", m.Features().Engine)
}

func TestOpenTellsWhatIsMissing(t *testing.T) {
	defer backends.Unregister("nats")() // as in a program that has not imported it
	cfg, err := backends.LoadFrom("tickwork.yaml", strings.Replace(sample, "backend: asynq", "backend: nats", 1))
	require.NoError(t, err)
	_, err = backends.Open(context.Background(), cfg, quiet)
	require.ErrorIs(t, err, backends.ErrUnknownBackend)
	assert.Contains(t, err.Error(), `tickwork.yaml:1:1: backend: unknown backend "nats": registered: asynq, fakeredis, `)
	assert.Contains(t, err.Error(), `; missing: import _ "github.com/seed-891a2e1b/tickwork/backends/nats"`)

	_, err = backends.Open(context.Background(), backends.Config{Backend: "nativ"}, quiet)
	require.ErrorIs(t, err, backends.ErrUnknownBackend)
	assert.Contains(t, err.Error(), `unknown backend "nativ": registered: asynq, fakeredis, `)
	assert.Contains(t, err.Error(), `did you mean "native"?`)
}

func TestOpenChecksWhatAProgramFilledIn(t *testing.T) {
	_, err := backends.Open(context.Background(), backends.Config{Workers: map[string]backends.Override{"a": {Every: -1}}}, quiet)
	require.EqualError(t, err, "backends: workers.a.every: must be longer than zero, got -1ns")

	var cfg backends.Config
	cfg.Set("native", redisConfig{})
	_, err = backends.Open(context.Background(), cfg, quiet)
	require.EqualError(t, err, "backends: native: Config.Set was given a backends_test.redisConfig, and the backend's configuration is a native.Config")

	cfg = backends.Config{Backend: "fakeredis"} // also where another one is chosen
	cfg.Set("native", redisConfig{})
	_, err = backends.Open(context.Background(), cfg, quiet)
	require.ErrorContains(t, err, "backends: native: Config.Set was given a ")

	cfg = backends.Config{}
	cfg.Set("nativ", redisConfig{})
	_, err = backends.Open(context.Background(), cfg, quiet)
	require.ErrorIs(t, err, backends.ErrUnknownBackend)
	require.ErrorContains(t, err, `backends: Config.Set: unknown backend "nativ": registered: `)
	require.ErrorContains(t, err, `did you mean "native"?`)

}

// TestEveryErrorIsAnError: whatever goes wrong, there is an *Error to be found.
func TestEveryErrorIsAnError(t *testing.T) {
	var none context.Context
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	errs := map[string]error{}
	_, errs["Open with a context that is nil"] = backends.Open(none, backends.Config{}, quiet)
	_, errs["Open with a context that has ended"] = backends.Open(ended, backends.Config{}, quiet)
	_, errs["OpenURL with a context that is nil"] = backends.OpenURL(none, "native", quiet)
	_, errs["OpenURL with a context that has ended"] = backends.OpenURL(ended, "native", quiet)
	errs["Preflight with a context that is nil"] = backends.Preflight(none, backends.Config{}, quiet, nil).Err()
	errs["Preflight with a context that has ended"] = backends.Preflight(ended, backends.Config{}, quiet, nil).Err()
	_, errs["OpenURL of no URL"] = backends.OpenURL(t.Context(), "", quiet)
	_, errs["LoadFS of no file"] = backends.LoadFS(fstest.MapFS{}, "f")
	_, errs["LoadFS of a directory"] = backends.LoadFS(fstest.MapFS{"d/f": {}}, "d")
	_, errs["Load of a directory"] = backends.Load(t.TempDir())
	for what, err := range errs {
		var e *backends.Error
		assert.ErrorAs(t, err, &e, what)
	}
	require.ErrorIs(t, errs["Open with a context that has ended"], context.Canceled)
	require.EqualError(t, errs["Open with a context that has ended"], "backends: open: context canceled")
}

// TestWhatAProgramChangedIsNotBlamedOnTheFile: an error of it has no line.
func TestWhatAProgramChangedIsNotBlamedOnTheFile(t *testing.T) {
	const data = "backend: native\nnamespace: a\nworkers:\n  a: {cron: \"@daily\"}\n"
	for want, change := range map[string]func(*backends.Config){
		`backends: backend: unknown backend "nowhere": `:                func(cfg *backends.Config) { cfg.Backend = "nowhere" },
		"backends: namespace: has ' ' at byte 1; ":                      func(cfg *backends.Config) { cfg.Namespace = "a b" },
		"backends: workers.a.every: must be longer than zero, got -1ns": func(cfg *backends.Config) { cfg.Workers["a"] = backends.Override{Every: -1} },
		"backends: workers.c.every: must be longer than zero, got -1ns": func(cfg *backends.Config) { cfg.Workers["c"] = backends.Override{Every: -1} },
	} {
		cfg, err := backends.LoadFrom("f", data)
		require.NoError(t, err)
		change(&cfg)
		_, err = backends.Open(t.Context(), cfg, quiet)
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "f:")
	}

	cfg, err := backends.LoadFrom("f", data)
	require.NoError(t, err)
	cfg.Workers["a"] = backends.Override{Every: time.Hour} // in place of the file's cron
	_, err = backends.Open(t.Context(), cfg, quiet)
	require.NoError(t, err)

	cfg, err = backends.LoadFrom("f", data, "TICKWORK_BACKEND=nowhere")
	require.NoError(t, err)
	_, err = backends.Open(t.Context(), cfg, quiet)
	require.ErrorContains(t, err, `TICKWORK_BACKEND: backend: unknown backend "nowhere": `, "that of the environment is not the program's")
}

func TestSetGivesABackendItsOwnConfiguration(t *testing.T) {
	cfg := backends.Config{Backend: "fakeredis", Namespace: "b"}
	cfg.Set("fakeredis", &redisConfig{Client: 1, Queues: 2})
	other := cfg
	other.Set("fakeredis", redisConfig{Queues: 3})
	_, err := backends.Open(context.Background(), cfg, quiet)
	require.NoError(t, err)
	assert.Equal(t, redisConfig{Client: 1, Queues: 2, Namespace: "b"}, lastRedis)

	cfg, err = backends.LoadFrom("f", "backend: fakeredis\nfakeredis: {queues: 4}", "TICKWORK_FAKEREDIS_LEASE=2s")
	require.NoError(t, err)
	cfg.Set("fakeredis", redisConfig{Client: 1, Queues: 2, Lease: time.Second, Strict: new(true)})
	_, err = backends.Open(context.Background(), cfg, quiet)
	require.NoError(t, err)
	assert.Equal(t, redisConfig{Client: 1, Queues: 4, Lease: 2 * time.Second, Strict: new(true)}, lastRedis, "what an operator says comes over it")

	cfg = backends.Config{Backend: "fakeredis", Namespace: "b"}
	cfg.Set("fakeredis", redisConfig{Queues: 2})
	cfg.Set("fakeredis", nil)
	_, err = backends.Open(context.Background(), cfg, quiet)
	require.NoError(t, err)
	assert.Equal(t, redisConfig{Namespace: "b"}, lastRedis)
}

func TestADisabledConfigRunsNothing(t *testing.T) {
	m, err := backends.Open(context.Background(), backends.Config{Enabled: new(false)}, quiet)
	require.NoError(t, err)
	require.NoError(t, m.Add(context.Background(), worker("a", core.Every(time.Millisecond))))
	require.NoError(t, m.Start(context.Background()))
	assert.Equal(t, core.StateDisabled, m.Workers()[0].State)
	require.NoError(t, m.Stop(context.Background()))
}

func TestOpenURL(t *testing.T) {
	for _, u := range []string{"native://", "native", "NATIVE://", "native://?namespace=billing"} {
		m, err := backends.OpenURL(context.Background(), u, quiet)
		if assert.NoError(t, err, u) {
			assert.Equal(t, "native", m.Features().Engine)
		}
	}
	_, err := backends.OpenURL(context.Background(),
		"fakerediss://u:p@host:6379/2?namespace=billing&lease=3s&servers=a,b&tls.ca=x&pool_size=4", quiet)
	require.NoError(t, err)
	want := redisConfig{
		URL: "fakerediss://u:p@host:6379/2?pool_size=4", Namespace: "billing", Lease: 3 * time.Second,
		Servers: []string{"a", "b"},
	}
	want.TLS.CA = "x"
	assert.Equal(t, want, lastRedis)
}

func TestOpenURLOfSeveralHosts(t *testing.T) {
	_, err := backends.OpenURL(context.Background(), "fakeredis://u:p%2Fq@a:1,[::1]:2,c/2?namespace=billing", quiet)
	require.NoError(t, err)
	assert.Equal(t, redisConfig{URL: "fakeredis://u:p%2Fq@a:1,[::1]:2,c/2", Namespace: "billing"}, lastRedis)
	for _, u := range []string{"fakeredis://u:secret@a,/x", "fakeredis://u:secret@a:b,c", "fakeredis://u:se,cret/x@a,b", "fakeredis://u:se,cret@a b,c"} {
		_, err := backends.OpenURL(context.Background(), u, quiet)
		if assert.Error(t, err, u) {
			assert.Contains(t, err.Error(), "escape the user and the password: % then two hex digits")
			assert.Contains(t, err.Error(), "backends: fakeredis://… ")
			assert.NotContains(t, err.Error(), "cret")
		}
	}
	_, err = backends.OpenURL(context.Background(), "fakeredis://u:secret@a,b/bad", quiet)
	assert.EqualError(t, err, "backends: fakeredis: no such database: fakeredis://*****@a,b/bad")
}

func TestOpenURLTellsWhatIsWrong(t *testing.T) {
	for u, want := range map[string]string{
		"":                                       "backends: not a URL of the form scheme://…, nor the name of a backend",
		"localhost:secret":                       "backends: not a URL of the form scheme://…, nor the name of a backend",
		"u:secret@host://x":                      "backends: not a URL of the form scheme://…, nor the name of a backend",
		"nativ":                                  `backends: unknown backend "nativ": registered: `,
		"nativ://":                               `backends: unknown backend for nativ://; did you mean "native"?`,
		"native://localhost":                     "backends: native: its URL has nothing but parameters: native://?key=value",
		"native:///path":                         "backends: native: its URL has nothing but parameters: native://?key=value",
		"native://?x=secret":                     `backends: native://… has an unknown parameter "x"; known are connect_timeout, enabled, instance, log_level, max_concurrent, namespace, stop_grace`,
		"native://?namespace=a&namespace=b":      `backends: native://… has the parameter "namespace" twice`,
		"native://?namespace=a+b":                `backends: namespace: has ' ' at byte 1; letters, digits and . _ - are allowed`,
		"native://?namespace=%zz":                "backends: native://… has a path or parameters that cannot be read; are their special characters percent-encoded?",
		"fakeredis://u:sec/ret@host":             "backends: fakeredis://… cannot be read for certain; escape the user and the password: % then two hex digits for each special character (# is %23, ",
		"fakeredis://u:secret@host/bad":          "backends: fakeredis: no such database: fakeredis://*****@host/bad",
		"fakeredis://u:secret@host/?leese=1s":    `backends: fakeredis://… has an unknown parameter "leese"; did you mean "lease"?`,
		"fakeredis://host?url=redis://:secret@x": "backends: fakeredis://… cannot be read for certain; ",
		"fakeredis://host?url=redis://x":         `backends: fakeredis://… has an unknown parameter "url"; known are connect_timeout, enabled, instance, log_level, max_concurrent, namespace, stop_grace, `,
		"fakeredis://host?password=a&secret=b":   "backends: fakeredis://… has an unknown parameter, which is not shown, because a password or a token is among ",
		"fakeredis://host?password=sec+ret":      "backends: fakeredis://… has a + in a password",
		"fakeredis://u:secret@host/?lease=soon":  "backends: fakeredis.lease: wants a duration with its unit, such as 90s, 10m or 1h30m",
	} {
		_, err := backends.OpenURL(context.Background(), u, quiet)
		if assert.Error(t, err, u) {
			assert.True(t, strings.HasPrefix(err.Error(), want), "%s:\n got %s\nwant %s", u, err, want)
			assert.NotContains(t, err.Error(), "sec")
		}
	}
	defer backends.Unregister("asynq")() // as in a program that has not imported it
	_, err := backends.OpenURL(context.Background(), "rediss://:secret@host", quiet)
	require.ErrorIs(t, err, backends.ErrUnknownBackend)
	assert.EqualError(t, err, `backends: unknown backend for rediss://: missing: import _ "github.com/seed-891a2e1b/tickwork/backends/asynq"`)
}

func TestRegisterRefuses(t *testing.T) {
	open := func(struct{}, core.Options) (core.Manager, error) { return nil, nil }
	for want, register := range map[string]func(){
		"New is nil":        func() { backends.Register(backends.Driver[struct{}]{Name: "x"}) },
		"a name is":         func() { backends.Register(backends.Driver[struct{}]{Name: "X y", New: open}) },
		"another meaning":   func() { backends.Register(backends.Driver[struct{}]{Name: "workers", New: open}) },
		"the name is taken": func() { backends.Register(backends.Driver[struct{}]{Name: "native", New: open}) },
		`has the scheme "x"`: func() {
			backends.Register(backends.Driver[struct{}]{Name: "x", Schemes: []string{"native"}, New: open})
		},
		"is no scheme": func() {
			backends.Register(backends.Driver[struct{}]{Name: "x", Schemes: []string{"X_"}, New: open})
		},
		"is not a struct": func() {
			backends.Register(backends.Driver[int]{Name: "x", New: func(int, core.Options) (core.Manager, error) { return nil, nil }})
		},
		"cannot be read from t": func() {
			backends.Register(backends.Driver[badConfig]{Name: "x", New: func(badConfig, core.Options) (core.Manager, error) { return nil, nil }})
		},
	} {
		func() {
			defer func() {
				text, _ := recover().(string)
				assert.Contains(t, strings.Replace(text, `"native"`, `"x"`, 1), want)
			}()
			register()
		}()
	}
}

type badConfig struct {
	Hook func() `yaml:"hook"`
}
