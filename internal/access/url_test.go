package access_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/internal/access"
)

func TestAURLThatCannotBeReadForCertainIsRefused(t *testing.T) {
	const escape, host = "escape the user and the password", "has a host or a port"
	for raw, want := range map[string]string{
		"":                                   "of the form scheme://host",
		"host:6379":                          "of the form scheme://host",
		"redis:secret@host":                  "of the form scheme://host",
		"redis:/:secret@host":                "of the form scheme://host",
		"u:sec://ret@host":                   "of the form scheme://host",
		"redis://:se#cret@host":              escape,
		"redis://:se?cret@host":              escape,
		"redis://:se/cret@host":              escape,
		"redis://:se@cret@host":              escape,
		"redis://:se:cret@host":              escape,
		"redis://:se%cret@host":              escape,
		"redis://:se%zzcret@host":            escape,
		"redis://:secret%@host":              escape,
		"redis://:se cret@host":              escape,
		"redis://:se\\cret@host":             escape,
		"redis://:se[cret@host":              escape,
		"redis://:sécret@host":               escape,
		"redis://:secret@host?x=a@b":         escape,
		"redis://host?x=a@b":                 escape,
		"redis://host/secret@x":              escape,
		"unix://:se/cret@/run/redis":         escape,
		"redis://@host":                      "neither a user nor a password",
		"redis://:@host":                     "neither a user nor a password",
		"redis://:secret@":                   "has no host",
		"redis://:secret@/0":                 "has no host",
		"redis://:secret@host#x":             "has a #",
		"redis://host#secret":                "has a #",
		"redis://:secret@host:":              host,
		"redis://:secret@host:x":             host,
		"redis://:secret@host:0":             host,
		"redis://:secret@host:65536":         host,
		"redis://:secret@host:1:2":           host,
		"redis://:secret@ho%73t":             host,
		"redis://:secret@a,,b":               host,
		"redis://:secret@a,":                 host,
		"redis://:secret@[::1":               host,
		"redis://:secret@[::1]x":             host,
		"redis://:secret@[1.2.3.4]":          host,
		"redis://:secret@::1":                host,
		"redis://:secret@[::1%25e%25t]":      host,
		"redis://:secret@host/ ":             "has a space",
		"redis://:secret@host\n":             "has a line end",
		"redis://:sec\nret@host":             "has a line end",
		"redis://:secret@host/\n":            "has a line end",
		"redis://:secret@host/%zz":           "path or parameters",
		"redis://:secret@host?x=%zz":         "path or parameters",
		"redis://:secret@host?x=1;y=2":       "path or parameters",
		"redis://host?password=sec+ret":      "has a +",
		"redis://host?a=1&auth_token=sec+rt": "has a +",
	} {
		u, err := access.ParseURL(raw)
		if assert.ErrorContains(t, err, want, raw) {
			assert.Nil(t, u)
			assert.NotContains(t, err.Error(), "ret", raw)
		}
	}
}

func TestAURLIsReadAsItIsWritten(t *testing.T) {
	for raw, want := range map[string]struct{ user, password, host, path, query string }{
		"redis://": {},
		"REDIS://Host:6379/2?db=1&client_name=a+b": {host: "Host:6379", path: "/2", query: "db=1&client_name=a+b"},
		"redis://:p@host":                          {password: "p", host: "host"},
		"redis://u@[fe80::1%25eth0]:7,b":           {user: "u", host: "[fe80::1%eth0]:7,b"},
		"redis://u@[::1]:7":                        {user: "u", host: "[::1]:7"},
		"redis://u:@[::1]":                         {user: "u", host: "[::1]"},
		"redis://u%3A:%23%2F%3f%40%3a%25%0a@h_1":   {user: "u:", password: "#/?@:%\n", host: "h_1"},
		"redis://a!$&'()*+,;=-._~:b!$&'()*+,;=@h":  {user: "a!$&'()*+,;=-._~", password: "b!$&'()*+,;=", host: "h"},
		"redis-cluster://u:a,b@a:1,[::1]:2,c/x":    {user: "u", password: "a,b", host: "a:1,[::1]:2,c", path: "/x"},
		"unix://u:p@/run/a%20b.sock?db=2":          {user: "u", password: "p", path: "/run/a b.sock", query: "db=2"},
		"redis://h?password=a%2Bb":                 {host: "h", query: "password=a%2Bb"},
	} {
		u, err := access.ParseURL(raw)
		if !assert.NoError(t, err, raw) {
			continue
		}
		password := ""
		if u.User != nil {
			assert.Equal(t, want.user, u.User.Username(), raw)
			password, _ = u.User.Password()
		}
		assert.Equal(t, want.password, password, raw)
		assert.Equal(t, want.host, u.Host, raw)
		assert.Equal(t, want.path, u.Path, raw)
		assert.Equal(t, want.query, u.RawQuery, raw)
		if raw == "redis://" {
			continue // net/url writes it without the slashes
		}
		again, err := access.ParseURL(u.String())
		require.NoError(t, err, raw)
		assert.Equal(t, u, again, "written and read again")
	}
}

func TestAListOfURLsHasOneUser(t *testing.T) {
	for raw, hosts := range map[string]string{
		"":                            "",
		"a, nats://b:1 ,,tls://[::1]": "a b:1 [::1]",
		"nats://u:p@a,nats://u:p@b":   "a b",
		"nats://u:a%2Cb@c":            "c",
		"nats://:p@a,wss://:p@b":      "a b",
		"nats://token@a:4222,nats://token@b:4222": "a:4222 b:4222",
	} {
		list, err := access.ParseURLs(raw, "nats")
		require.NoError(t, err, raw)
		var got []string
		for _, u := range list {
			got = append(got, u.Host)
		}
		assert.Equal(t, hosts, strings.Join(got, " "), raw)
	}
	for raw, want := range map[string]string{
		"nats://u:1,secret@host":         "different users", // a comma in a password
		"nats://u:secret@a,secret@host":  "different users",
		"nats://u:secret@a,b":            "different users",
		"nats://u:sec,ret@host":          "a host or a port",
		"nats://0@0,0@host":              "cannot be read for certain", // the token 0@0,0
		"nats://u:secret@a,nats://":      "no host",
		"nats://u:se#c,ret@a":            "has a #",
		"nats://u:secret@a,nats://u:x":   "a host or a port",
		"nats://u:sec@ret@a,u:sec@ret@b": "escape",
	} {
		_, err := access.ParseURLs(raw, "nats")
		if assert.ErrorContains(t, err, want, raw) {
			assert.NotContains(t, err.Error(), "ret", raw)
		}
	}
}

// FuzzParseURL puts any password, as it is and escaped, into a URL. What is
// accepted is read with the right host, user and password, and what is refused
// does not show it.
func FuzzParseURL(f *testing.F) {
	for _, password := range []string{"", "plain", "a#b", "a?b", "a/b", "a@b", "a:b", "a%b", "a%41b", "a,b", "1,b", "x@y,z", "a b", "\x00\n", "é", "@", "/@?#:", "%", "6379/0", "a@b:6379/0?x=1#y", "[::1]"} {
		f.Add(password)
	}
	f.Fuzz(func(t *testing.T, password string) {
		const host = "the.right-host:6379"
		for _, c := range []struct{ text, means string }{
			{password, unescaped(password)},
			{strings.ReplaceAll(url.QueryEscape(password), "+", "%20"), password},
		} {
			for _, scheme := range []string{"redis", "unix", "nats"} {
				raw, path := scheme+"://operator:"+c.text+"@"+host, ""
				if scheme == "unix" {
					raw, path = scheme+"://operator:"+c.text+"@/run/the.sock", "/run/the.sock"
				}
				u, err := access.ParseURL(raw)
				if err != nil {
					if c.means == password && c.text != password {
						t.Fatalf("escaped, it is refused: %q: %v", raw, err)
					}
					continue // with one of the constant texts
				}
				want := &url.URL{Scheme: scheme, User: url.UserPassword("operator", c.means), Host: host, Path: path}
				if scheme == "unix" {
					want.Host = ""
				}
				assert.Equal(t, want, u, raw)
				if scheme == "nats" {
					list, err := access.ParseURLs(raw, "nats")
					if err == nil {
						assert.Equal(t, []*url.URL{want}, list, raw)
					}
				}
			}
		}
	})
}

// unescaped is what a text means in a URL.
func unescaped(text string) string {
	if plain, err := url.PathUnescape(text); err == nil {
		return plain
	}
	return text
}
