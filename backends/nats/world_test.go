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
	"github.com/seed-891a2e1b/tickwork/core/ledger"
	"github.com/seed-891a2e1b/tickwork/internal/faults"
	"github.com/seed-891a2e1b/tickwork/internal/natstest"
)

// world is several nodes on one server in the process, each on a link of its own.
type world struct {
	dir    string
	server *natstest.Server
	down   bool

	net faults.Net // for what cannot be done to connections

	mu    sync.Mutex
	links map[string]*natstest.Link
}

var _ conformance.FaultyWorld = (*world)(nil)

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
	return nats.NewLinked(configOver(link, node.Namespace), func(s ledger.Store) ledger.Store { return w.net.Link(node.Name, s).Store() }, opts)
}

func configOver(link *natstest.Link, namespace string) nats.Config {
	return nats.Config{Namespace: namespace, Options: []natsgo.Option{link.Dial(), natsgo.PingInterval(time.Hour)}}
}

func (w *world) Faults() conformance.Faults {
	return conformance.Faults{
		LoseAnswers: func(node string, lose bool) {
			var records []string
			if lose {
				records = []string{"$KV.tickwork_default.w.", "$KV.tickwork_default.c."}
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			w.links[node].LoseAnswers(records...)
		},
		HoldWrites: w.net.HoldWrites,
		Suspend:    w.net.Suspend,
		FailJoins:  w.net.FailJoins,
		Checkpoint: w.checkpoint,
		Overwrite: func(worker string, record []byte) (restore func()) {
			return faults.Overwrite(func() ledger.Store { return nats.NewStore(configOver(natstest.NewLink(w.server), "")) }, worker, record)
		},
	}
}

// checkpoint keeps a copy of the server's files, for which it is restarted.
func (w *world) checkpoint() (rewind func()) {
	data, kept := filepath.Join(w.dir, "jetstream"), filepath.Join(w.dir, "kept")
	restart := func(from, to string) {
		w.server.Shutdown()
		if err := errors.Join(os.RemoveAll(to), os.CopyFS(to, os.DirFS(from))); err != nil {
			panic(err)
		}
		w.start()
	}
	restart(data, kept)
	return func() { restart(kept, data) }
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
