package redistest

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// A Server is a redis-server of the caller's own: a child process on a free port
// of the loopback, with a directory of its own and its data written to disk with
// every command.
type Server struct {
	Addr string // host:port
	URL  string // redis://host:port/0

	dir    string
	tls    bool
	args   []string
	output bytes.Buffer

	mu  sync.Mutex
	cmd *exec.Cmd
}

// ErrNoServer says that there is no redis-server on this machine.
var ErrNoServer = errors.New("redis-server is not installed")

// Real starts a server for a test, which ends with it. Where there is no
// redis-server the test is skipped, unless TICKWORK_REQUIRE_SERVERS is 1.
// Further arguments are redis-server's: "--requirepass", "secret".
func Real(t testing.TB, args ...string) *Server {
	t.Helper()
	s, err := StartServer(t.TempDir(), args...)
	if errors.Is(err, ErrNoServer) && os.Getenv("TICKWORK_REQUIRE_SERVERS") != "1" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	return s
}

// URL returns that of a Redis for a test that only needs one, empty: the one that
// TICKWORK_REDIS_URL names, whose database is flushed, or else Real's.
func URL(t testing.TB) string {
	t.Helper()
	url := os.Getenv("TICKWORK_REDIS_URL")
	if url == "" {
		return Real(t).URL
	}
	o, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal("TICKWORK_REDIS_URL is not a URL of Redis") // it may hold a password
	}
	c := redis.NewClient(o)
	defer c.Close()
	if err := c.FlushDB(t.Context()).Err(); err != nil {
		t.Fatalf("the Redis of TICKWORK_REDIS_URL: %v", err)
	}
	return url
}

// RealTLS is Real of a server that talks TLS alone.
func RealTLS(t testing.TB, cert, key string) *Server {
	t.Helper()
	return Real(t, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", cert, "--tls-auth-clients", "no")
}

// Sentinel is Real of a Sentinel, with a configuration file that it may write to.
func Sentinel(t testing.TB, conf string) *Server {
	t.Helper()
	return Real(t, conf, "--sentinel")
}

// StartServer starts a server that keeps its data in a directory.
func StartServer(dir string, args ...string) (*Server, error) {
	if _, err := exec.LookPath("redis-server"); err != nil {
		return nil, ErrNoServer
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	s := &Server{Addr: addr, URL: "redis://" + addr + "/0", dir: dir, tls: slices.Contains(args, "--tls-cert-file")}
	ports := []string{"--port", strconv.Itoa(port)}
	if s.tls {
		ports = []string{"--port", "0", "--tls-port", strconv.Itoa(port)}
	}
	if slices.Contains(args, "--sentinel") {
		s.args = slices.Concat(args, ports, []string{"--bind", "127.0.0.1", "--dir", dir})
	} else {
		s.args = slices.Concat(ports, []string{
			"--bind", "127.0.0.1", "--dir", dir, "--save", "", "--appendonly", "yes", "--appendfsync", "always",
		}, args)
	}
	if err := s.Start(); err != nil {
		return nil, err
	}
	return s, nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// Start starts the server again, with the data that there are, and waits until it
// answers.
func (s *Server) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.output.Reset()
	cmd := exec.Command("redis-server", s.args...)
	cmd.Stdout, cmd.Stderr = &s.output, &s.output
	cmd.SysProcAttr = child()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start redis-server: %w", err)
	}
	s.cmd = cmd
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if s.answers() {
			return nil
		}
	}
	s.kill()
	return fmt.Errorf("redis-server on %s did not answer: %s", s.Addr, &s.output)
}

// answers tells whether the server answers, if only that it wants a password.
func (s *Server) answers() bool {
	conn, err := net.DialTimeout("tcp", s.Addr, time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	if s.tls {
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	}
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return false
	}
	answer := make([]byte, 64)
	n, _ := conn.Read(answer)
	text := string(answer[:n])
	return strings.HasPrefix(text, "+PONG") || strings.HasPrefix(text, "-NOAUTH")
}

// Kill ends the server as kill -9 does.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kill()
}

func (s *Server) kill() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.cmd = nil
	}
}

// Freeze stops the server without ending it: it takes connections, and does not
// answer. Thaw has it go on.
func (s *Server) Freeze() error { return s.signal(freezing) }

// Thaw ends a Freeze.
func (s *Server) Thaw() error { return s.signal(thawing) }

func (s *Server) signal(sig os.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return errors.New("redis-server does not run")
	}
	return s.cmd.Process.Signal(sig)
}

// Lose kills the server and throws its data away.
func (s *Server) Lose() error {
	s.Kill()
	for _, name := range []string{"appendonlydir", "dump.rdb"} {
		if err := os.RemoveAll(filepath.Join(s.dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// Client returns a client of the server.
func (s *Server) Client() *redis.Client {
	return redis.NewClient(&redis.Options{Addr: s.Addr, ContextTimeoutEnabled: true})
}

// Flush has the server forget everything.
func (s *Server) Flush(ctx context.Context) error {
	c := s.Client()
	defer c.Close()
	return c.FlushAll(ctx).Err()
}
