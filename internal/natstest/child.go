package natstest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
)

// A Child is a nats-server in a process of its own, for tests that kill it and
// for benchmarks: this program, started again. It ends with this process.
type Child struct {
	spec spec
	dir  string
	cmd  *exec.Cmd
	in   io.Closer // the child ends when it is closed
	URL  string
}

// spec is what a child is told.
type spec struct {
	Dir    string   `json:"dir"`
	Port   int      `json:"port"`
	Name   string   `json:"name,omitempty"`
	Route  int      `json:"route,omitempty"`
	Routes []string `json:"routes,omitempty"`
}

// env tells a process that it is a child.
const env = "NATSTEST_CHILD"

func init() {
	if text := os.Getenv(env); text != "" {
		if err := serve(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
}

// serve is the child: a server until its input ends.
func serve(text string) error {
	var it spec
	if err := json.Unmarshal([]byte(text), &it); err != nil {
		return err
	}
	s, err := New(Dir(it.Dir), Port(it.Port), func(o *server.Options) {
		if it.Route != 0 {
			o.ServerName = it.Name
			o.Cluster = server.ClusterOpts{Name: "natstest", Host: "127.0.0.1", Port: it.Route}
			o.Routes = server.RoutesFromStr(strings.Join(it.Routes, ","))
		}
	})
	if err != nil {
		return err
	}
	fmt.Println(s.URL())
	_, _ = io.Copy(io.Discard, os.Stdin)
	s.Shutdown()
	return nil
}

// NewChild starts a server in a process of its own, with a store directory that
// Stop removes.
func NewChild() (*Child, error) {
	return persistently(func() (*Child, error) {
		ports, err := freePorts(1)
		if err != nil {
			return nil, err
		}
		return newChild(spec{Port: ports[0]})
	})
}

// persistently tries some times: a port that was free may be somebody's when a server
// listens on it.
func persistently[T any](try func() (T, error)) (t T, err error) {
	for range 5 {
		if t, err = try(); err == nil {
			break
		}
	}
	return t, err
}

// NewChildren starts n of them as a cluster. Whether it has a leader is for its
// clients to find out.
func NewChildren(n int) ([]*Child, error) {
	return persistently(func() ([]*Child, error) { return newChildren(n) })
}

func newChildren(n int) ([]*Child, error) {
	ports, err := freePorts(2 * n)
	if err != nil {
		return nil, err
	}
	var routes []string
	for _, port := range ports[n:] {
		routes = append(routes, fmt.Sprintf("nats://127.0.0.1:%d", port))
	}
	var all []*Child
	for i := range n {
		c, err := newChild(spec{Port: ports[i], Route: ports[n+i], Routes: routes, Name: fmt.Sprintf("n%d", i+1)})
		if err != nil {
			for _, c := range all {
				err = errors.Join(err, c.Stop())
			}
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

func newChild(it spec) (*Child, error) {
	dir, err := os.MkdirTemp("", "natstest-")
	if err != nil {
		return nil, err
	}
	it.Dir = dir
	c := &Child{spec: it, dir: dir}
	if err := c.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return c, nil
}

// Start starts the server again after it was killed, with its data.
func (c *Child) Start() error {
	text, err := json.Marshal(c.spec)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), env+"="+string(text))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	c.cmd, c.in = cmd, in
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return errors.Join(fmt.Errorf("natstest: the server's process has not started: %w", err), c.Kill())
	}
	c.URL = strings.TrimSpace(line)
	return nil
}

// Process is the server's.
func (c *Child) Process() *os.Process { return c.cmd.Process }

// Kill ends the server at once, as kill -9 does, and keeps its data.
func (c *Child) Kill() error {
	err := c.cmd.Process.Kill()
	_ = c.cmd.Wait() // tells that it was killed
	return err
}

// Lose removes the data of a server that was killed.
func (c *Child) Lose() error { return os.RemoveAll(filepath.Join(c.dir, "jetstream")) }

// Stop ends the server and removes its data.
func (c *Child) Stop() error {
	_ = c.in.Close()
	_ = c.cmd.Wait() // it may have been killed
	return os.RemoveAll(c.dir)
}
