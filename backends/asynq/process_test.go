package asynq_test

import (
	"errors"
	"os"
	"testing"

	"github.com/seed-891a2e1b/tickwork/backends/asynq"
	"github.com/seed-891a2e1b/tickwork/conformance"
	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/internal/redistest"
)

// openNode opens a manager in a process that the suite has started.
func openNode(address string, node conformance.Node, opts core.Options) (core.Manager, error) {
	return asynq.New(asynq.Config{URL: address, Namespace: node.Namespace}, opts)
}

// ownServer is a redis-server of one case's.
type ownServer struct {
	*redistest.Server
	dir string
}

func newServer() (conformance.Server, error) {
	dir, err := os.MkdirTemp("", "redis")
	if err != nil {
		return nil, err
	}
	s, err := redistest.StartServer(dir)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return ownServer{s, dir}, nil
}

func (s ownServer) Address() string { return s.URL }

func (s ownServer) Kill() (othersGoOn bool) {
	s.Server.Kill()
	return false
}

func (s ownServer) Start(lose bool) error {
	if lose {
		if err := s.Lose(); err != nil {
			return err
		}
	}
	return s.Server.Start()
}

func (s ownServer) Close() {
	s.Kill()
	_ = os.RemoveAll(s.dir)
}

func processBackend() conformance.Backend {
	return conformance.Backend{
		Name: "asynq",
		Open: func(opts core.Options) (core.Manager, error) {
			return asynq.New(asynq.Config{URL: "redis://localhost:1/0"}, opts) // to ask for its features
		},
		Server:    newServer,
		WallClock: true,
	}
}

// TestSoak is go test -run TestSoak -timeout 0 ./backends/asynq -conformance.duration 10m.
func TestSoak(t *testing.T) { conformance.Soak(t, processBackend()) }

func TestProcesses(t *testing.T) {
	if os.Getenv("TICKWORK_WALL_CLOCK") == "" {
		t.Skip("real time wants a machine of its own: set TICKWORK_WALL_CLOCK=1")
	}
	b := processBackend()
	conformance.Processes(t, b)
}
