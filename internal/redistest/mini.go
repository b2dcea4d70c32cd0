// Package redistest starts Redis for tests and examples: miniredis in this
// process, with or without a network, or a redis-server of the test's own.
package redistest

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// A Mini is a Redis in this process's memory that is reached without a network,
// so that it works in a testing/synctest bubble. There, make it inside the
// bubble. Its connections go through it, and can be cut.
type Mini struct {
	*miniredis.Miniredis
	net     network
	down    atomic.Bool
	scripts scripts

	mu  sync.Mutex
	now time.Time // up to which keys have expired
}

// NewMini returns an empty Redis. Keys expire by the clock, which in a bubble is
// the bubble's, when a command comes, and up to a tenth of a second early or late.
func NewMini() *Mini {
	m := &Mini{Miniredis: miniredis.NewMiniRedis(), now: time.Now()}
	m.net.before = m.tick
	m.scripts.mini = m.Miniredis
	return m
}

// tick has keys expire. miniredis looks through them all for it, in their order, which
// it would do in each instant that it is asked anything; a tenth of all it did.
func (m *Mini) tick() {
	const precision = 100 * time.Millisecond
	m.mu.Lock()
	defer m.mu.Unlock()
	if passed := time.Since(m.now); passed >= precision {
		m.now = m.now.Add(passed)
		m.FastForward(passed)
	}
}

// Age makes a namespace's ledger a day old, so that no instance waits whether
// somebody knows of an earlier life of it.
func (m *Mini) Age(queue string) {
	_ = m.Set("tickwork:{"+queue+"}:born", strconv.FormatInt(time.Now().Add(-24*time.Hour).UnixMicro(), 10))
}

// Client returns a client of a node's own, which keeps to contexts and tries
// nothing twice. Close it, and the Mini, when the case is over.
func (m *Mini) Client(node string) *redis.Client {
	const patience = 3 * time.Second
	client := redis.NewClient(&redis.Options{
		Addr:                  "mini",
		Dialer:                func(context.Context, string, string) (net.Conn, error) { return m.dial(node) },
		DialTimeout:           patience,
		ReadTimeout:           patience,
		WriteTimeout:          patience,
		DialerRetries:         1,
		MaxRetries:            -1,
		ContextTimeoutEnabled: true,
		Protocol:              2,
		PipelinePoolSize:      -1,
		// Nobody is to wait for a connection: that is done by a timer which go-redis
		// keeps for the next that waits, in another bubble perhaps, where it is fatal.
		PoolSize: 1000,
		// It would look the address up, which a bubble does not survive.
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	client.AddHook(idle{m, node})
	return client
}

// Down makes Redis refuse all connections and drop those there are, or take them
// again. It keeps its data.
func (m *Mini) Down(down bool) {
	m.down.Store(down)
	if down {
		m.Close()
	}
}

// Close ends Redis, with all connections. It is started again by the next.
func (m *Mini) Close() {
	m.net.closeAll()
	m.Miniredis.Close()
}

func (m *Mini) isDown() bool { return m.down.Load() }

var errDown = errors.New("connection refused: Redis in memory is down")

func (m *Mini) dial(node string) (net.Conn, error) {
	if m.isDown() {
		return nil, errDown
	}
	if m.running() == nil { // it is started by a connection of its own
		first, err := m.Dial()
		if err != nil {
			return nil, err
		}
		first.Close()
	}
	to := m.running()
	if to == nil {
		return nil, errDown
	}
	to.SetPreHook(m.scripts.hook)
	conn, err := m.net.dial(node, to)
	if err == nil && m.isDown() { // since then
		conn.Close()
		return nil, errDown
	}
	return conn, err
}

// running is the server, or nil.
func (m *Mini) running() *server.Server {
	m.Lock()
	defer m.Unlock()
	return m.Server()
}

// Cut cuts a node off from Redis, or heals that: what it sends is swallowed, and
// nothing answers.
func (m *Mini) Cut(node string, cut bool) { m.net.cut(node, cut) }

// LoseAnswers has what Redis sends to a node get lost from the node's next script on whose
// first key has a prefix: that script arrives, and so does what the node sends after it.
// An empty prefix ends that. The connections of that time are of no use any more.
func (m *Mini) LoseAnswers(node, prefix string) {
	if prefix == "" {
		m.net.loseAnswers(node, nil)
		return
	}
	m.net.loseAnswers(node, func(command []string) bool {
		return len(command) > 3 && strings.EqualFold(command[0], "evalsha") && strings.HasPrefix(command[3], prefix)
	})
}

// Checkpoint returns a function that has Redis go back to the data that it has now, as one
// that has lost the tail of its log. A Mini has one checkpoint at a time.
func (m *Mini) Checkpoint() (rewind func()) {
	const data, kept = 0, 1
	m.copyAll(data, kept)
	return func() { m.copyAll(kept, data) }
}

// copyAll makes one database the copy of another.
func (m *Mini) copyAll(from, to int) {
	m.DB(to).FlushDB()
	for _, key := range m.DB(from).Keys() {
		if err := m.Copy(from, key, to, key); err != nil {
			panic(err)
		}
	}
}
