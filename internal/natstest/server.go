package natstest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
	_ "unsafe" // for go:linkname

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats-server/v2/server/ats"
	"github.com/nats-io/nats.go"
)

// The server's access time service is one for the process, and begins with its
// first user: not in a bubble, which would never end.
func init() { ats.Register() }

// AccessTime is the goroutine that importing this package starts, for goleak to
// ignore.
const AccessTime = "github.com/nats-io/nats-server/v2/server/ats.Register.func1"

// patience is how long a server may take to start.
const patience = 20 * time.Second

// A Server is a nats-server that can be stopped and started again with the data
// that it has.
type Server struct {
	opts *server.Options
	dir  string                        // the one that New made
	srv  atomic.Pointer[server.Server] // clients connect while it is started
}

// An Option changes how a server is made.
type Option func(*server.Options)

// InProcess has the server listen on no port: clients connect through Dial, or
// with nats.InProcessServer. It is for bubbles too, in which days pass in
// milliseconds, and so it stirs seldom.
func InProcess(o *server.Options) {
	o.DontListen = true
	o.PingInterval, o.SyncInterval = 24*time.Hour, 24*time.Hour
	seldom.Do(func() { statistics = 24 * time.Hour })
}

// statistics is how often a server publishes its own, which takes it two looks into
// /proc: there is no option for it.
//
//go:linkname statistics github.com/nats-io/nats-server/v2/server.statsHBInterval
var statistics time.Duration

var seldom sync.Once

// Dir keeps the server's data in a directory that outlives it. Without it they
// are in a temporary one, which Stop removes.
func Dir(dir string) Option { return func(o *server.Options) { o.StoreDir = dir } }

// Port is the TCP port; without it any that is free.
func Port(port int) Option { return func(o *server.Options) { o.Port = port } }

// New starts a server.
func New(options ...Option) (*Server, error) {
	s, err := prepare(options)
	if err != nil {
		return nil, err
	}
	if err := s.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.dir))
	}
	return s, nil
}

// prepare makes a server that is not started.
func prepare(options []Option) (*Server, error) {
	s := &Server{opts: &server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT,
		JetStream: true, NoSigs: true, NoLog: true,
	}}
	for _, option := range options {
		option(s.opts)
	}
	if s.opts.StoreDir == "" {
		dir, err := os.MkdirTemp("", "natstest-")
		if err != nil {
			return nil, err
		}
		s.opts.StoreDir, s.dir = dir, dir
	}
	return s, nil
}

// Start starts the server again after a Shutdown, on the same port and with the
// same data.
func (s *Server) Start() error {
	opts := s.opts.Clone() // the server writes into its own
	srv, err := server.NewServer(opts)
	if err != nil {
		return fmt.Errorf("natstest: %w", err)
	}
	s.srv.Store(srv)
	srv.Start()
	if !srv.ReadyForConnections(patience) {
		s.Shutdown()
		return fmt.Errorf("natstest: the server was not ready after %s", patience)
	}
	if addr, ok := srv.Addr().(*net.TCPAddr); ok && !s.opts.DontListen {
		s.opts.Port = addr.Port
	}
	return nil
}

// URL is the server's address, unless it is InProcess.
func (s *Server) URL() string { return fmt.Sprintf("nats://%s:%d", s.opts.Host, s.opts.Port) }

// Connect makes a connection to the server within the process.
func (s *Server) Connect(options ...nats.Option) (*nats.Conn, error) {
	return nats.Connect("", append(options, s.Dial())...)
}

// InProcessConn makes the server a nats.InProcessConnProvider.
func (s *Server) InProcessConn() (net.Conn, error) { return s.srv.Load().InProcessConn() }

// Dial is the option for a client in this process.
func (s *Server) Dial() nats.Option { return nats.InProcessServer(s) }

// Server is the nats-server itself.
func (s *Server) Server() *server.Server { return s.srv.Load() }

// Shutdown stops the server and keeps its data.
func (s *Server) Shutdown() {
	if srv := s.srv.Load(); srv != nil {
		srv.Shutdown()
		srv.WaitForShutdown()
	}
}

// Stop stops the server and removes its data, unless they are in a Dir.
func (s *Server) Stop() error {
	s.Shutdown()
	if s.dir == "" {
		return nil
	}
	return os.RemoveAll(s.dir)
}
