package asynq

import (
	"net/url"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// reads is what a client connects to, and as whom.
type reads struct{ network, address, user, password string }

// read returns what the client of a configuration connects to.
func read(t *testing.T, cfg Config) (reads, error) {
	t.Helper()
	got, err := newTarget(cfg)
	if err != nil {
		return reads{}, err
	}
	client := got.open()
	defer client.Close()
	switch c := client.(type) {
	case *redis.ClusterClient:
		o := c.Options()
		return reads{"tcp", strings.Join(o.Addrs, ","), o.Username, o.Password}, nil
	case *redis.Client:
		o := c.Options()
		return reads{o.Network, o.Addr, o.Username, o.Password}, nil
	}
	t.Fatalf("a client of type %T", client)
	return reads{}, nil
}

// FuzzURLIsReadRight puts any password, as it is and escaped, into URLs of each
// kind and into the field of its own. What is accepted connects to the right host
// with the right user and password, and what is escaped is accepted.
func FuzzURLIsReadRight(f *testing.F) {
	for _, password := range []string{
		"plain", "a#b", "a?b", "a/b", "a@b", "a:b", "a%b", "a%41b", "a,b", "a b", "a+b", "a&b", "\n", "é", "@", "6379/0", "a@b:6379/0?x=1#y", "[::1]:1", "?db=3", "1,b@c",
	} {
		f.Add(password)
	}
	f.Fuzz(func(t *testing.T, password string) {
		if password == "" {
			return
		}
		escaped := strings.ReplaceAll(url.QueryEscape(password), "+", "%20")
		for _, c := range []struct {
			before, after string
			want          reads
		}{
			{"redis://operator:", "@right.host:6380/2", reads{"tcp", "right.host:6380", "operator", password}},
			{"rediss://:", "@right.host", reads{"tcp", "right.host:6379", "", password}},
			{"unix://operator:", "@/run/right.sock", reads{"unix", "/run/right.sock", "operator", password}},
			{"redis-cluster://operator:", "@right.host:1,second.host:2", reads{"tcp", "right.host:1,second.host:2", "operator", password}},
			{"redis-sentinel://right.host?master_name=m&username=operator&password=", "", reads{"tcp", "FailoverClient", "operator", password}},
		} {
			got, err := read(t, Config{URL: c.before + escaped + c.after})
			if assert.NoError(t, err, escaped) {
				assert.Equal(t, c.want, got, escaped)
			}
			means, err := url.PathUnescape(password)
			if strings.Contains(c.before, "&password=") || err != nil {
				continue // no reader can know that what follows an & is not a parameter
			}
			if got, err := read(t, Config{URL: c.before + password + c.after}); err == nil {
				c.want.password = means
				assert.Equal(t, c.want, got, password)
			}
		}
		got, err := read(t, Config{URL: "redis://right.host", User: "operator", Password: password})
		require.NoError(t, err)
		assert.Equal(t, reads{"tcp", "right.host:6379", "operator", password}, got)
		got, err = read(t, Config{URL: "redis-sentinel://:secret@right.host?master_name=m", Password: password})
		require.NoError(t, err)
		assert.Equal(t, reads{"tcp", "FailoverClient", "", password}, got)
	})
}

// A Sentinel's URL has two users: before the @ the Sentinels', and in parameters,
// or in the fields, that of Redis.
func TestASentinelHasAUserOfItsOwn(t *testing.T) {
	for _, cfg := range []Config{
		{URL: "redis-sentinel://s:p%40s@one:1,two:2/3?master_name=m&username=u&password=p%26r"},
		{URL: "redis-sentinel://s:p%40s@one:1,two:2/3?master_name=m", User: "u", Password: "p&r"},
		{URL: "redis-sentinel://s:p%40s@one:1,two:2/3?master_name=m&username=u", Password: "p&r"},
	} {
		got, err := newTarget(cfg)
		require.NoError(t, err)
		assert.Equal(t, "m of the Sentinels one:1,two:2", got.address)
		assert.Equal(t, []string{"p&r", "p@s"}, got.secrets)
		client := got.open().(*redis.Client)
		assert.Equal(t, 3, client.Options().DB)
		assert.NoError(t, client.Close())
	}
}
