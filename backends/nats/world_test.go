package nats_test

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	natsgo "github.com/nats-io/nats.go"

	"github.com/seed-891a2e1b/tickwork/backends/nats"
	"github.com/seed-891a2e1b/tickwork/conformance"
	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/internal/natstest"
)

// world is several nodes on one server in the process, each on a link of its own.
type world struct {
	dir    string
	server *natstest.Server
	down   bool

	mu    sync.Mutex
	links map[string]*natstest.Link
}

// newWorld makes one whose ledgers are those in data.
func newWorld(data string) (conformance.World, error) {
	natstest.Forget()
	dir, err := makeVolatile()
	if err != nil {
		return nil, err
	}
	if err := os.CopyFS(dir, os.DirFS(data)); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	server, err := natstest.New(natstest.InProcess, natstest.Dir(dir))
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &world{dir: dir, server: server, links: map[string]*natstest.Link{}}, nil
}

// makeVolatile makes a directory, in memory where that can be done: a server writes
// into some dozen small files, which the case removes.
func makeVolatile() (string, error) {
	const pattern = "tickwork-nats-"
	if dir, err := os.MkdirTemp("/dev/shm", pattern); err == nil {
		return dir, nil
	}
	return os.MkdirTemp("", pattern)
}

func (w *world) Open(node conformance.Node, opts core.Options) (core.Manager, error) {
	link := natstest.NewLink(w.server)
	w.mu.Lock()
	w.links[node.Name] = link
	w.mu.Unlock()
	return nats.New(nats.Config{
		Namespace: node.Namespace,
		Options:   []natsgo.Option{link.Dial(), natsgo.PingInterval(time.Hour)},
	}, opts)
}

func (w *world) Cut(node string, cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.links[node].Cut(cut)
}

func (w *world) Down(down bool) {
	w.down = down
	if down {
		w.server.Shutdown()
		return
	}
	w.start()
}

func (w *world) Lose() {
	w.server.Shutdown()
	if err := os.RemoveAll(filepath.Join(w.dir, "jetstream")); err != nil {
		panic(err)
	}
	if !w.down {
		w.start()
	}
}

func (w *world) start() {
	if err := w.server.Start(); err != nil {
		panic(err)
	}
}

func (w *world) Close() {
	_ = w.server.Stop()
	_ = os.RemoveAll(w.dir)
}
