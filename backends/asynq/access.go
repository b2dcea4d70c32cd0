package asynq

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/seed-891a2e1b/tickwork/internal/access"
)

// validateAccess refuses settings for the connection that contradict each other. It
// does not read the URL.
func (cfg Config) validateAccess() error {
	own := cfg
	own.Client = nil
	own.Namespace, own.Lease, own.Concurrency, own.Poll, own.Retention = "", 0, 0, 0, 0
	for _, file := range []struct{ field, path string }{
		{"URLFile", cfg.URLFile}, {"PasswordFile", cfg.PasswordFile},
		{"TLS.CA", cfg.TLS.CA}, {"TLS.Cert", cfg.TLS.Cert}, {"TLS.Key", cfg.TLS.Key},
	} {
		if access.IsContent(file.path) {
			return refuse(file.field, access.ErrContent)
		}
	}
	switch {
	case cfg.Client != nil && own != (Config{}):
		return refuse("Client", errors.New("is set together with settings for another connection (URL, User, Password, TLS or a file): leave out one or the other"))
	case cfg.URL != "" && cfg.URLFile != "":
		return refuse("URLFile", errors.New("is set together with URL: set one of the two"))
	case cfg.Password != "" && cfg.PasswordFile != "":
		return refuse("PasswordFile", errors.New("is set together with Password: set one of the two"))
	case cfg.User != "" && cfg.Password == "" && cfg.PasswordFile == "":
		return refuse("User", errors.New("is set without a Password or a PasswordFile: set one of them"))
	case cfg.TLS.Cert != "" && cfg.TLS.Key == "":
		return refuse("TLS.Cert", errors.New("is set without a Key"))
	case cfg.TLS.Key != "" && cfg.TLS.Cert == "":
		return refuse("TLS.Key", errors.New("is set without a Cert"))
	}
	return nil
}

// hasFiles returns whether files must be read to connect.
func (cfg Config) hasFiles() bool {
	return cfg.URLFile != "" || cfg.PasswordFile != "" || cfg.TLS.CA != "" || cfg.TLS.Cert != ""
}

// read returns the configuration with the URL and the password that its files hold.
func (cfg Config) read() (Config, error) {
	for _, file := range []struct {
		field      string
		path, text *string
	}{{"URLFile", &cfg.URLFile, &cfg.URL}, {"PasswordFile", &cfg.PasswordFile, &cfg.Password}} {
		if *file.path == "" {
			continue
		}
		text, err := access.ReadSecret(*file.path)
		if err != nil {
			return Config{}, refuse(file.field, err)
		}
		*file.path, *file.text = "", text
	}
	return cfg, nil
}

// String returns a text without passwords. It leaves out the URL, which may have one.
func (cfg Config) String() string {
	where := "the default URL"
	switch {
	case cfg.Client != nil:
		where = "a client of the program's"
	case cfg.URLFile != "":
		where = "the URL in a file"
	case cfg.URL != "":
		where = "a URL"
	}
	namespace := cfg.Namespace
	if !goodNamespace(namespace) {
		namespace = "(not a namespace)"
	}
	return fmt.Sprintf("asynq: %s, namespace %q, lease %s", where, namespace, cfg.Lease)
}

// Format prints String for every verb.
func (cfg Config) Format(f fmt.State, _ rune) { fmt.Fprint(f, cfg.String()) }

// LogValue returns String for package slog.
func (cfg Config) LogValue() slog.Value { return slog.StringValue(cfg.String()) }

// MarshalText returns String, so that encoding/json shows no password.
func (cfg Config) MarshalText() ([]byte, error) { return []byte(cfg.String()), nil }
