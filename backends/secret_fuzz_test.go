package backends_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends"
	"github.com/seed-891a2e1b/tickwork/backends/asynq"
	"github.com/seed-891a2e1b/tickwork/backends/nats"
	"github.com/seed-891a2e1b/tickwork/core"
)

// rare are characters of which no text of ours has one next to the characters
// that mean something in a URL.
const rare = "QXZJ"

// passwordOf makes a password of any text: of rare characters, and of those that
// mean something in a URL, in YAML or in a list.
func passwordOf(text string) string {
	const alphabet = rare + rare + `79#?/@:%,&=+[]\"'{}$!*|; é`
	var b strings.Builder
	letters := []rune(alphabet)
	for _, c := range []byte(text) {
		b.WriteRune(letters[int(c)%len(letters)])
	}
	return b.String()
}

// seedOf is the text of which passwordOf makes a password.
func seedOf(t testing.TB, password string) string {
	t.Helper()
	var b []byte
	for _, c := range password {
		for i := range 256 {
			if passwordOf(string([]byte{byte(i)})) == string(c) {
				b = append(b, byte(i))
				break
			}
		}
	}
	require.Equal(t, password, passwordOf(string(b)))
	return string(b)
}

// shows returns the part of a password that a text shows: four characters in a
// row, one of them rare.
func shows(text, password string) string {
	letters := []rune(password)
	for i := range max(0, len(letters)-3) {
		part := string(letters[i : i+4])
		if strings.ContainsAny(part, rare) && strings.Contains(text, part) {
			return part
		}
	}
	return ""
}

// withPassword are URLs of each engine that have a password.
var withPassword = []struct{ backend, url string }{
	{"asynq", "redis://operator:PASSWORD@redis.internal:6380/2"},
	{"asynq", "rediss://:PASSWORD@redis.internal"},
	{"asynq", "redis://PASSWORD@redis.internal"},
	{"asynq", "unix://operator:PASSWORD@/run/redis.sock"},
	{"asynq", "redis-cluster://:PASSWORD@one:7000,two:7000"},
	{"asynq", "redis-sentinel://:PASSWORD@one:26379,two:26379?master_name=m"},
	{"asynq", "redis-sentinel://one:26379?master_name=m&password=PASSWORD"},
	{"asynq", "redis-sentinel://one:26379?password=PASSWORD&master_name=m&colour=red"},
	{"asynq", "operator:PASSWORD@redis.internal"},
	{"nats", "nats://operator:PASSWORD@nats.internal:4222"},
	{"nats", "tls://PASSWORD@nats.internal"},
	{"nats", "ws://operator:PASSWORD@nats.internal"},
	{"nats", "wss://operator:PASSWORD@[::1]:4222"},
	{"nats", "nats://operator:PASSWORD@one:4222,nats://operator:PASSWORD@two:4222"},
	{"nats", "nats://operator:PASSWORD@one,two"},
	{"nats", "nats://one:4222?token=PASSWORD"},
	{"nats", "operator:PASSWORD@nats.internal"},
	{"gocron", "gocron://operator:PASSWORD@host"},
	{"gocron", "gocron://?PASSWORD@host"},
	{"native", "native://operator:PASSWORD@host"},
}

// awkward are passwords with what means something in a URL, in YAML or in a list.
var awkward = []string{
	"QXZJ", "7979", "QXZJ#79QX", "QXZJ?79QX", "QXZJ/79QX", "QXZJ@79QX", "QXZJ:79QX", "QXZJ%79QX", "QXZJ%ZZQX", "77,QXZJ", "Q@X,ZJ79", "",
	"QXZJ&79QX=ZJ", "7979:QXZJ@ZJ79/QXZJ?79=7#QX", "[QXZJ", "{QXZJ: 79QX}", "QX, ZJ79: X", "'QXZJ79", `"QXZJ`, "QXZJ 79QX", "QXZJé79QX", "%7979%", "${QXZJ}",
}

// A password, escaped or not, in the URL, in the settings of its own and in the
// place of a backend's name, given by a program, a URL, the environment and a
// file: no error, no log record and nothing that prints a Config shows four of
// its characters in a row.
func TestAnAwkwardPasswordIsNeverShown(t *testing.T) {
	for i, password := range awkward {
		for j := i % 3; j < len(withPassword); j += 3 { // all take long with the race detector
			neverShown(t, password, j)
		}
	}
}

// FuzzAPasswordIsNeverShown is TestAnAwkwardPasswordIsNeverShown of any password.
func FuzzAPasswordIsNeverShown(f *testing.F) {
	for i, password := range awkward {
		f.Add(seedOf(f, password), uint8(i))
	}
	f.Fuzz(func(t *testing.T, text string, which uint8) {
		neverShown(t, passwordOf(text), int(which)%len(withPassword))
	})
}

func neverShown(t *testing.T, password string, which int) {
	t.Helper()
	with := withPassword[which]
	escaped := strings.ReplaceAll(url.QueryEscape(password), "+", "%20")
	for _, in := range []string{password, escaped} {
		u := strings.ReplaceAll(with.url, "PASSWORD", in)
		for source, said := range saidOf(with.backend, u, password) {
			for _, secret := range []string{password, escaped} {
				if part := shows(said, secret); part != "" {
					t.Fatalf("the URL %q in the %s: %q of the password is shown: %s", u, source, part, said)
				}
			}
		}
	}
}

// saidOf returns all that is said of a configuration from each source.
func saidOf(backend, rawURL, password string) map[string]string {
	said := make(map[string]string)
	hear := func(source string, cfg backends.Config, err error) {
		var b bytes.Buffer
		opts := core.Options{Logger: slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug}))}
		if err == nil {
			_, err = backends.Open(context.Background(), cfg, opts)
		}
		opts.Logger.Info("opened", "config", cfg, "error", err)
		fmt.Fprintf(&b, "%v%+v%#v%v%+v%#v", cfg, cfg, cfg, err, err, err)
		said[source] += b.String()
	}
	// In a file ${QXZJ} refers to a variable, whose name an error shows: a password
	// with a $ is written with two.
	inFile := func(text string) string { return strings.ReplaceAll(text, "$", "$$") }
	yaml := func(text string) string { b, _ := json.Marshal(inFile(text)); return string(b) }
	load := func(data string, environ ...string) (backends.Config, error) {
		return backends.LoadFrom("f", data, environ...)
	}
	prefix := "TICKWORK_" + strings.ToUpper(backend) + "_"

	cfg, err := backends.ParseURL(rawURL)
	hear("URL", cfg, err)
	cfg = backends.Config{Backend: rawURL}
	hear("name", cfg, nil)
	report := backends.Preflight(context.Background(), cfg, core.Options{}, nil)
	said["report"] = fmt.Sprint(report, report.Backend, report.Err())
	cfg, err = load("", "TICKWORK_BACKEND="+rawURL)
	hear("environment's name", cfg, err)
	cfg, err = load("backend: " + yaml(rawURL))
	hear("file's name", cfg, err)
	for _, key := range []string{"enabled", "nowhere", backend} {
		cfg, err = load(key+": "+yaml(rawURL), "TICKWORK_"+strings.ToUpper(key)+"="+rawURL)
		hear("wrong key "+key, cfg, err)
	}
	cfg, err = load("backend: "+backend, prefix+"URL="+rawURL)
	hear("environment", cfg, err)
	cfg, err = load(fmt.Sprintf("backend: %s\n%[1]s: {url: %s}", backend, yaml(rawURL)))
	hear("file", cfg, err)
	if backend == "asynq" || backend == "nats" { // which have a key for it
		cfg, err = load(fmt.Sprintf("backend: %s\n%[1]s: {url: %s}", backend, inFile(rawURL)))
		hear("file without quotes", cfg, err)
		cfg, err = load(fmt.Sprintf("backend: %s\n%[1]s:\n  url: %s", backend, inFile(rawURL)))
		hear("file without quotes or braces", cfg, err)
	}
	cfg, err = load("backend: "+backend, prefix+"USER=operator", prefix+"PASSWORD="+password, prefix+"URL="+rawURL, prefix+"LEASE="+password)
	hear("environment twice", cfg, err)
	cfg, err = load(fmt.Sprintf("backend: %s\n%[1]s: {user: operator, password: %s, lease: 1ns}", backend, yaml(password)))
	hear("file with a password", cfg, err)

	cfg = backends.Config{Backend: backend}
	switch backend {
	case "asynq":
		own := asynq.Config{URL: rawURL, User: "operator", Password: password}
		cfg.Set(backend, own)
		said["program"] = fmt.Sprintf("%v%+v%#v%s%v", own, own, &own, own, []asynq.Config{own})
		hear("program", cfg, nil)
		cfg.Set(backend, asynq.Config{URL: rawURL})
	case "nats":
		own := nats.Config{URL: rawURL, User: "operator", Password: password, Token: password}
		cfg.Set(backend, own)
		said["program"] = fmt.Sprintf("%v%+v%#v%s%v", own, own, &own, own, []nats.Config{own})
		hear("program", cfg, nil)
		cfg.Set(backend, nats.Config{URL: rawURL})
	}
	hear("program", cfg, nil)
	return said
}
