package natstest

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

// A Link is one client's way to a server in this process, which can be cut as a
// network is: nothing comes through, and neither end is told.
type Link struct {
	to nats.InProcessConnProvider

	mu    sync.Mutex
	cut   bool
	conns map[*wire]struct{}
	last  []byte // what cuts the link when it is sent
	left  int    // for the so-maniest time
	after chan struct{}

	deaf    bool     // what the server sends is dropped
	deafens [][]byte // what makes it so when it is sent
}

// NewLink returns a link to a server.
func NewLink(to nats.InProcessConnProvider) *Link {
	return &Link{to: to, conns: make(map[*wire]struct{})}
}

// Dial is the option for a client that uses the link.
func (l *Link) Dial() nats.Option { return nats.InProcessServer(l) }

var errCut = errors.New("natstest: the link is cut")

// InProcessConn makes the link a nats.InProcessConnProvider.
func (l *Link) InProcessConn() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut || l.deaf {
		return nil, errCut
	}
	conn, err := l.to.InProcessConn()
	if err != nil {
		return nil, err
	}
	w := &wire{Conn: conn, link: l}
	l.conns[w] = struct{}{}
	return w, nil
}

// Cut cuts the link, or heals it. What was sent while it was cut is lost, so the
// connections of that time end when it is healed, as they do on a real network
// when the other end finds a gap.
func (l *Link) Cut(cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut && !cut {
		l.reset()
	}
	l.cut = cut
}

// reset ends the connections, which lack what was dropped. l.mu is held.
func (l *Link) reset() {
	for w := range l.conns {
		_ = w.Conn.Close()
		if w.closed.Load() {
			delete(l.conns, w)
		}
	}
}

// LoseAnswers has all that the server sends get lost, from the next message on that is
// sent to a subject with one of the prefixes: that message arrives, and what is sent after
// it does. No prefixes end that.
func (l *Link) LoseAnswers(prefixes ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.deaf {
		l.reset()
	}
	l.deaf, l.deafens = false, nil
	for _, prefix := range prefixes {
		l.deafens = append(l.deafens, []byte("PUB "+prefix))
	}
}

// sends notes what is sent, and returns whether it does not arrive.
func (l *Link) sends(b []byte) (dropped bool) {
	if !l.isLast(b) && l.isCut() {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range l.deafens {
		l.deaf = l.deaf || bytes.Contains(b, d)
	}
	return false
}

func (l *Link) isDeaf() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cut || l.deaf
}

// LoseAnswer has the link cut itself by the nth message to a subject from now on:
// the message arrives, and what the server answers does not. The channel is closed
// then.
func (l *Link) LoseAnswer(subject string, nth int) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last, l.left, l.after = []byte("PUB "+subject+" "), nth, make(chan struct{})
	return l.after
}

// isLast tells whether what is sent is what cuts the link, which is cut from then
// on.
func (l *Link) isLast(b []byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut || l.left == 0 {
		return false
	}
	if l.left = max(0, l.left-bytes.Count(b, l.last)); l.left > 0 {
		return false
	}
	l.cut = true
	close(l.after)
	return true
}

func (l *Link) isCut() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cut
}

// wire is a connection over a link. While that is cut, what is written is
// dropped, and what arrives is read and dropped, as it is while answers are lost: neither
// end waits for the other.
type wire struct {
	net.Conn
	link    *Link
	reading sync.Mutex  // held while something is
	closed  atomic.Bool // by the client, while the link was cut
}

func (w *wire) Write(b []byte) (int, error) {
	if w.link.sends(b) {
		return len(b), nil
	}
	return w.Conn.Write(b)
}

func (w *wire) Read(b []byte) (int, error) {
	w.reading.Lock()
	defer w.reading.Unlock()
	for !w.closed.Load() {
		n, err := w.Conn.Read(b)
		if !w.closed.Load() && (err != nil || !w.link.isDeaf()) {
			return n, err
		}
	}
	return 0, net.ErrClosed
}

// drain reads what the server sends to nobody any more.
func (w *wire) drain() {
	w.reading.Lock()
	_ = w.Conn.SetReadDeadline(time.Time{})
	w.reading.Unlock()
	_, _ = io.Copy(io.Discard, w.Conn)
}

// Close closes the connection. Where the link is cut the server is not told, and
// what it sends is still read, until the link is healed or the server ends.
func (w *wire) Close() error {
	l := w.link
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, open := l.conns[w]; open && l.cut {
		if !w.closed.Swap(true) {
			_ = w.Conn.SetReadDeadline(time.Unix(1, 0)) // who reads leaves
			go w.drain()
		}
		return nil
	}
	delete(l.conns, w)
	return w.Conn.Close()
}
