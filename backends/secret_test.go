package backends_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends"
)

// application has a configuration in it, as programs do.
type application struct {
	Config backends.Config
	own    backends.Config
	ptr    *backends.Config
}

func TestAConfigNeverShowsAPassword(t *testing.T) {
	fromFile, err := backends.LoadFrom("f", "backend: fakeredis\nfakeredis: {url: \"redis://u:secret@host\", password: secret}",
		"TICKWORK_FAKEREDIS_TLS_CA=secret")
	require.NoError(t, err)
	fromURL, err := backends.ParseURL("fakeredis://u:secret@host?password=secret")
	require.NoError(t, err)
	var set backends.Config
	set.Set("fakeredis", redisConfig{Password: "secret"})

	for _, cfg := range []backends.Config{fromFile, fromURL, set} {
		app := application{cfg, cfg, &cfg}
		for _, v := range []any{cfg, &cfg, app, &app, []any{cfg}, map[string]any{"x": cfg}, []backends.Config{cfg}} {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%T"} {
				assert.NotContains(t, fmt.Sprintf(verb, v), "secret")
			}
			var log bytes.Buffer
			slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
			slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
			assert.NotContains(t, log.String(), "secret")
			text, err := json.Marshal(v)
			require.NoError(t, err)
			assert.NotContains(t, string(text), "secret")
		}
	}
}

func TestErrorsNeverShowAPassword(t *testing.T) {
	for _, data := range []string{
		"fakeredis: {lease: secret}",
		"fakeredis: {queues: secret}",
		"fakeredis: {strict: secret}",
		"fakeredis: {tls: secret}",
		"fakeredis: secret",
		"fakeredis: [secret]",
		"fakeredis:\n  password: \"secret\n  url: x",
		"fakeredis:\n  password: secret: x\n  - y",
		"fakeredis: {password: [secret}",
		"fakeredis: {password: [secret]}",
		"fakeredis: {password: {secret: 1}}",
		"fakeredis: {password: {secret: 1, secret: 2}}",
		"fakeredis: {password: !secret}",
		"fakeredis: {password: !<secret> []}",
		"fakeredis: {password: &secret}",
		"fakeredis: {password: *secret}",
		"fakeredis: {password: @secret}",
		"fakeredis: {password: \"\\secret\"}",
		"fakeredis: {password: %secret, x}",
		"%YAML secret\n---\nfakeredis:",
	} {
		_, err := backends.LoadFrom("f", data)
		if assert.Error(t, err, data) {
			assert.NotContains(t, err.Error(), "secret", data)
		}
	}
	for _, backend := range []string{"redis://u:secret@host:6379", "u:secret@host"} { // in the place of a name
		cfg, err := backends.LoadFrom("f", "backend: "+backend)
		require.NoError(t, err)
		assert.NotContains(t, cfg.String(), "secret")
		_, err = backends.Open(context.Background(), cfg, quiet)
		require.ErrorIs(t, err, backends.ErrUnknownBackend)
		assert.ErrorContains(t, err, "f:1:1: backend: unknown backend: it is a URL")
		assert.NotContains(t, err.Error(), "secret")
	}
	const notURL = "fakeredis: {queues: 10, url: \"redis://:half@pass:word@host:x\"}"
	for _, data := range []string{
		"fakeredis: {url: \"redis://u:secret@host\", password: hush, lease: -1s}",
		"fakeredis: {url: \"redis://u:s%65cret@host,redis://:sec,ret@b\", password: hush, lease: -1s}",
		notURL,
	} {
		cfg, err := backends.LoadFrom("f", "backend: fakeredis\n"+data)
		require.NoError(t, err)
		_, err = backends.Open(context.Background(), cfg, quiet)
		if assert.Error(t, err) {
			for _, secret := range []string{"secret", "hush", "half", "pass:", "s%65cret", "sec,ret"} {
				assert.NotContains(t, err.Error(), secret, data)
			}
		}
		var e *url.Error
		assert.Equal(t, data == notURL, errors.As(err, &e))
	}
}

// A short password is struck out where it can be one, and the words that it is
// part of stay.
func TestAShortPasswordLeavesTheWordsWhole(t *testing.T) {
	for _, c := range []struct{ url, password, want string }{
		{"redis://:on@one:1", "on", "the connection to redis://*****@one:1 is not one on which :***** or \"*****\" is known"},
		{"redis://a@one:1", "", "the connection to redis://*****@one:1 is not one on which : or \"\" is known"},
	} {
		err := backends.Struck(redisConfig{URL: c.url, Password: c.password},
			fmt.Errorf("the connection to %s is not one on which :%s or %q is known", c.url, c.password, c.password))
		assert.EqualError(t, err, c.want)
	}
}
