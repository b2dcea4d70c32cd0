package nats_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/seed-891a2e1b/tickwork/backends/nats"
	"github.com/seed-891a2e1b/tickwork/conformance"
	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/internal/natstest"
)

// openNode opens a manager in a process that the suite has started. An address
// with several servers is that of a cluster.
func openNode(address string, node conformance.Node, opts core.Options) (core.Manager, error) {
	cfg := nats.Config{URL: address, Namespace: node.Namespace}
	if strings.Contains(address, ",") {
		cfg.Replicas = 3
	}
	return nats.New(cfg, opts)
}

// ownServers are one server, or three, of one case's. Of three it is the one that
// leads the ledger that is killed.
type ownServers struct {
	all  []*natstest.Child
	down *natstest.Child
}

func newServer() (conformance.Server, error) {
	c, err := natstest.NewChild()
	if err != nil {
		return nil, err
	}
	return &ownServers{all: []*natstest.Child{c}}, nil
}

func newServers() (conformance.Server, error) {
	all, err := natstest.NewChildren(3)
	if err != nil {
		return nil, err
	}
	return &ownServers{all: all}, nil
}

func (s *ownServers) Address() string {
	var urls []string
	for _, c := range s.all {
		urls = append(urls, c.URL)
	}
	return strings.Join(urls, ",")
}

// Kill kills the one that leads the ledger. The others go on if they have all that
// it has.
func (s *ownServers) Kill() (othersGoOn bool) {
	leader, othersGoOn := s.group()
	s.down = s.all[leader]
	_ = s.down.Kill()
	return othersGoOn
}

// group tells which server leads the ledger's stream, the first where that cannot be
// found out, and whether all others have what it has.
func (s *ownServers) group() (leader int, complete bool) {
	if len(s.all) == 1 {
		return 0, false
	}
	nc, err := natsgo.Connect(s.Address())
	if err != nil {
		return 0, false
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return 0, false
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	stream, err := js.Stream(ctx, "KV_tickwork_conformance")
	if err != nil {
		return 0, false
	}
	group := stream.CachedInfo().Cluster
	if group == nil {
		return 0, false
	}
	leader = slices.Index([]string{"n1", "n2", "n3"}, group.Leader)
	return max(0, leader), leader >= 0 && isComplete(group)
}

// isComplete tells whether a stream has a leader, and all its replicas what that has.
func isComplete(group *jetstream.ClusterInfo) bool {
	return group.Leader != "" && len(group.Replicas) == 2 &&
		!slices.ContainsFunc(group.Replicas, func(p *jetstream.PeerInfo) bool { return !p.Current || p.Offline })
}

func (s *ownServers) Start(lose bool) error {
	if lose {
		if err := s.down.Lose(); err != nil {
			return err
		}
	}
	if err := s.down.Start(); err != nil || len(s.all) == 1 {
		return err
	}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if _, complete := s.group(); complete {
			return nil
		}
	}
	return fmt.Errorf("the server has not caught up with the others in %s", patience)
}

func (s *ownServers) Close() {
	for _, c := range s.all {
		_ = c.Stop()
	}
}

func processBackend(servers func() (conformance.Server, error)) conformance.Backend {
	return conformance.Backend{
		Name: "nats",
		Open: func(opts core.Options) (core.Manager, error) {
			return nats.New(nats.Config{URL: "nats://localhost:1"}, opts) // to ask for its features
		},
		Server:    servers,
		WallClock: true,
	}
}

// TestSoak is go test -run 'TestSoak$' -timeout 0 ./backends/nats -conformance.duration 10m.
func TestSoak(t *testing.T) { conformance.Soak(t, processBackend(newServer)) }

// TestSoakOfThree is TestSoak on a cluster of three servers, of which the leader
// is killed.
func TestSoakOfThree(t *testing.T) { conformance.Soak(t, processBackend(newServers)) }

func TestProcesses(t *testing.T) {
	inRealTime(t)
	conformance.Processes(t, processBackend(newServer))
}

// TestProcessesOfThree is TestProcesses on a cluster of three servers, of which the
// leader is killed.
func TestProcessesOfThree(t *testing.T) {
	inRealTime(t)
	b := processBackend(newServers)
	b.Name = "nats-three"
	conformance.Processes(t, b)
}

// inRealTime skips a test that judges times, unless it is asked for. With -short
// such tests run beside each other.
func inRealTime(t *testing.T) {
	t.Helper()
	if os.Getenv("TICKWORK_WALL_CLOCK") == "" {
		t.Skip("real time wants a machine of its own: set TICKWORK_WALL_CLOCK=1")
	}
	if testing.Short() {
		t.Parallel()
	}
}
