package nats

import (
	"net/url"
	"strings"
	"testing"

	natsgo "github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// reads is what is connected to, and as whom.
type reads struct{ servers, user, password, token string }

func read(t *testing.T, cfg Config) (reads, error) {
	t.Helper()
	if err := cfg.check(); err != nil {
		return reads{}, err
	}
	how, err := cfg.connection()
	if err != nil {
		return reads{}, err
	}
	var o natsgo.Options
	for _, option := range how.who {
		require.NoError(t, option(&o))
	}
	return reads{strings.Join(how.servers, " "), o.User, o.Password, o.Token}, nil
}

// FuzzURLIsReadRight puts any password, as it is and escaped, into URLs of each
// kind and into the fields of its own. What is accepted connects to the right
// servers with the right user and password, and what is escaped is accepted.
func FuzzURLIsReadRight(f *testing.F) {
	for _, password := range []string{
		"plain", "a#b", "a?b", "a/b", "a@b", "a:b", "a%b", "a%41b", "a,b", "1,b", "x@y,z", "x@y,nats://z", "a b", "a+b", "\n", "é", "@", ",", "12,nats://localhost",
	} {
		f.Add(password)
	}
	f.Fuzz(func(t *testing.T, password string) {
		if password == "" {
			return
		}
		escaped := strings.ReplaceAll(url.QueryEscape(password), "+", "%20")
		means, err := url.PathUnescape(password)
		for _, c := range []struct {
			url  string
			want func(password string) reads
		}{
			{"nats://operator:PASSWORD@right.host:4222", func(p string) reads { return reads{"nats://right.host:4222", "operator", p, ""} }},
			{"tls://PASSWORD@right.host", func(p string) reads { return reads{"tls://right.host", "", "", p} }},
			{"operator:PASSWORD@right.host", func(p string) reads { return reads{"nats://right.host", "operator", p, ""} }},
			{"ws://operator:PASSWORD@one,ws://operator:PASSWORD@two:1", func(p string) reads { return reads{"ws://one ws://two:1", "operator", p, ""} }},
		} {
			got, readErr := read(t, Config{URL: strings.ReplaceAll(c.url, "PASSWORD", escaped)})
			if assert.NoError(t, readErr, escaped) {
				assert.Equal(t, c.want(password), got, escaped)
			}
			if err != nil || strings.Contains(c.url, "//PASSWORD") && strings.Contains(password, ":") {
				continue // what has a colon is a user and a password, and no token
			}
			if got, err := read(t, Config{URL: strings.ReplaceAll(c.url, "PASSWORD", password)}); err == nil {
				assert.Equal(t, c.want(means), got, password)
			}
		}
		got, readErr := read(t, Config{URL: "right.host", User: "operator", Password: password})
		require.NoError(t, readErr)
		assert.Equal(t, reads{"nats://right.host", "operator", password, ""}, got)
		got, readErr = read(t, Config{Token: password})
		require.NoError(t, readErr)
		assert.Equal(t, reads{natsgo.DefaultURL, "", "", password}, got)
	})
}
