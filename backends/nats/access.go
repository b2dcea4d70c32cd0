package nats

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/internal/access"
)

// checkAccess refuses invalid settings for the connection.
func (c Config) checkAccess(refuse func(field, format string, args ...any)) {
	if c.Conn != nil {
		if c.URL != "" || c.URLFile != "" || c.who() > 0 || c.Password != "" || c.PasswordFile != "" || c.TLS != (TLS{}) || len(c.Options) > 0 {
			refuse("Conn", "is set together with settings for another connection (URL, User, Token, Creds, NKey, TLS, Options or a file): leave out one or the other")
		}
	}
	for _, file := range []struct{ field, path, other, text string }{
		{"URLFile", c.URLFile, "URL", c.URL},
		{"PasswordFile", c.PasswordFile, "Password", c.Password},
		{"TokenFile", c.TokenFile, "Token", c.Token},
		{"Creds", c.Creds, "", ""}, {"NKey", c.NKey, "", ""},
		{"TLS.CA", c.TLS.CA, "", ""}, {"TLS.Cert", c.TLS.Cert, "", ""}, {"TLS.Key", c.TLS.Key, "", ""},
	} {
		switch {
		case access.IsContent(file.path):
			refuse(file.field, "%w", access.ErrContent)
		case file.path != "" && file.text != "":
			refuse(file.field, "is set together with %s: set one of the two", file.other)
		}
	}
	if c.User == "" && c.Password != "" {
		refuse("Password", "is given without a User")
	}
	if c.User == "" && c.PasswordFile != "" {
		refuse("PasswordFile", "is given without a User")
	}
	if n := c.who(); n > 1 {
		refuse("User, Token, Creds, NKey", "set one of them, %d are set", n)
	}
	if err := c.checkURL(); err != nil {
		refuse("URL", "%w", err)
	}
	if c.TLS.Cert != "" && c.TLS.Key == "" {
		refuse("TLS.Cert", "is given without a Key")
	}
	if c.TLS.Key != "" && c.TLS.Cert == "" {
		refuse("TLS.Key", "is given without a Cert")
	}
}

// who returns how many of the settings User, Token, Creds and NKey are set.
func (c Config) who() (n int) {
	for _, given := range []bool{c.User != "", c.Token != "" || c.TokenFile != "", c.Creds != "", c.NKey != ""} {
		if given {
			n++
		}
	}
	return n
}

// checkURL refuses an invalid URL. Its errors do not quote the URL.
func (c Config) checkURL() error {
	if c.URLFile != "" {
		return nil // Start reads the file
	}
	servers, err := c.servers()
	switch {
	case err != nil:
		return err
	case servers[0].User != nil && c.who() > 0:
		return errors.New("has a user or a token, and User, Token, Creds or NKey is set too: use the URL or the settings")
	}
	return nil
}

// servers returns the URLs of the servers, at least one.
func (c Config) servers() ([]*url.URL, error) {
	list, err := access.ParseURLs(c.URL, "nats")
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		u, err := url.Parse(nats.DefaultURL)
		return []*url.URL{u}, err
	}
	for _, u := range list {
		switch {
		case !slices.Contains([]string{"nats", "tls", "ws", "wss"}, u.Scheme):
			return nil, errors.New("does not begin with nats://, tls://, ws:// or wss://")
		case strings.Trim(u.Path, "/") != "" || u.RawQuery != "":
			return nil, errors.New("has a path or parameters, which a NATS URL must not have")
		}
	}
	return list, nil
}

// connection has the settings for a connection, after the files have been read.
type connection struct {
	servers  []string // without user and password
	who      []nats.Option
	password string // or a token; struck out of errors
}

// connection reads the files that the configuration names.
func (c Config) connection() (connection, error) {
	for _, file := range []struct {
		field      string
		path, text *string
	}{{"URLFile", &c.URLFile, &c.URL}, {"PasswordFile", &c.PasswordFile, &c.Password}, {"TokenFile", &c.TokenFile, &c.Token}} {
		if *file.path == "" {
			continue
		}
		text, err := access.ReadSecret(*file.path)
		if err != nil {
			return connection{}, refusal(file.field, err)
		}
		*file.path, *file.text = "", text
	}
	for field, path := range map[string]string{"Creds": c.Creds, "NKey": c.NKey} {
		if path == "" {
			continue
		}
		if _, err := access.ReadSecret(path); err != nil { // nats.go reads it again for each connection
			return connection{}, refusal(field, err)
		}
	}
	if field, err := access.TLS(c.TLS).Apply(new(tls.Config)); err != nil { // only to check the files; nats.go reads them itself
		return connection{}, refusal("TLS."+field, err)
	}
	if err := c.checkURL(); err != nil {
		return connection{}, refusal("URL", err)
	}
	servers, err := c.servers()
	if err != nil {
		return connection{}, refusal("URL", err)
	}
	var got connection
	for _, u := range servers {
		got.servers = append(got.servers, (&url.URL{Scheme: u.Scheme, Host: u.Host}).String())
	}
	if u := servers[0].User; u != nil {
		if password, ok := u.Password(); ok {
			c.User, c.Password = u.Username(), password
		} else {
			c.Token = u.Username()
		}
	}
	switch {
	case c.User != "" || c.Password != "":
		got.who, got.password = []nats.Option{nats.UserInfo(c.User, c.Password)}, c.Password
	case c.Token != "":
		got.who, got.password = []nats.Option{nats.Token(c.Token)}, c.Token
	case c.Creds != "":
		got.who = []nats.Option{nats.UserCredentials(c.Creds)}
	case c.NKey != "":
		nkey, err := nats.NkeyOptionFromSeed(c.NKey)
		if err != nil {
			return connection{}, refusal("NKey", fmt.Errorf("read %s: %w", c.NKey, err))
		}
		got.who = []nats.Option{nkey}
	}
	return got, nil
}

func refusal(field string, err error) error {
	return &core.ConfigError{Engine: "nats", Field: field, Err: err}
}

// String returns a text without passwords. It leaves out the URL, which may have one.
func (c Config) String() string {
	where := "the default URL"
	switch {
	case c.Conn != nil:
		where = "a connection of the program's"
	case c.URLFile != "":
		where = "the URL in a file"
	case c.URL != "":
		where = "a URL"
	}
	namespace := c.Namespace
	if !goodNamespace(namespace) {
		namespace = "(not a namespace)"
	}
	return fmt.Sprintf("nats: %s, namespace %q, lease %s", where, namespace, c.Lease)
}

// Format prints String for every verb.
func (c Config) Format(f fmt.State, _ rune) { fmt.Fprint(f, c.String()) }

// LogValue returns String for package slog.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalText returns String, so that encoding/json shows no password.
func (c Config) MarshalText() ([]byte, error) { return []byte(c.String()), nil }
