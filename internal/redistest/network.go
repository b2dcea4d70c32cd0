package redistest

import (
	"context"
	"net"
	"os"
	"sync"
	"time"
)

// network are the connections of nodes. What a node that is cut off writes is
// dropped, and what is sent to it is read and dropped, so that neither side
// blocks while it holds a lock.
type network struct {
	mu  sync.Mutex
	off map[string]bool
}

func (n *network) cut(node string, cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.off == nil {
		n.off = make(map[string]bool)
	}
	n.off[node] = cut
}

func (n *network) isCut(node string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.off[node]
}

// dial connects a node. While it is cut off that fails at once: a subscription of
// go-redis' dials under a mutex, and a bubble in which anybody waits for one of
// those stands still. What is connected already gets no answers.
func (n *network) dial(_ context.Context, node string, dial func() (net.Conn, error)) (net.Conn, error) {
	if n.isCut(node) {
		return nil, os.ErrDeadlineExceeded
	}
	c, err := dial()
	if err != nil {
		return nil, err
	}
	conn := &conn{Conn: c, network: n, node: node}
	conn.more.L = &conn.mu
	go conn.send()
	return conn, nil
}

// conn is a connection of a node, over a pipe. Unlike a pipe it takes what is
// written without waiting for a reader: a client that writes a hundred commands
// before it reads an answer, and a server that answers each, would wait for each
// other. A connection that was cut is of no use after: bytes are missing.
type conn struct {
	net.Conn
	network *network
	node    string

	mu     sync.Mutex
	more   sync.Cond
	queue  []byte
	closed bool
	torn   bool
}

// isTorn tells whether the connection is cut, or was.
func (c *conn) isTorn() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.torn = c.torn || c.network.isCut(c.node)
	return c.torn
}

func (c *conn) Write(b []byte) (int, error) {
	torn := c.isTorn()
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return 0, net.ErrClosed
	case torn:
		return len(b), nil
	}
	c.queue = append(c.queue, b...)
	c.more.Signal()
	return len(b), nil
}

// send passes on what was written, until the connection is closed.
func (c *conn) send() {
	for {
		c.mu.Lock()
		for len(c.queue) == 0 && !c.closed {
			c.more.Wait()
		}
		if c.closed {
			c.mu.Unlock()
			return
		}
		data := c.queue
		c.queue = nil
		c.mu.Unlock()
		if _, err := c.Conn.Write(data); err != nil {
			c.Close()
			return
		}
	}
}

func (c *conn) Read(b []byte) (int, error) {
	for {
		n, err := c.Conn.Read(b)
		if err != nil || !c.isTorn() {
			return n, err
		}
	}
}

func (c *conn) Close() error {
	c.mu.Lock()
	c.closed = true
	c.more.Signal()
	c.mu.Unlock()
	return c.Conn.Close()
}

// SetDeadline bounds reads; writes do not wait.
func (c *conn) SetDeadline(t time.Time) error { return c.Conn.SetReadDeadline(t) }

// SetWriteDeadline does nothing, since writes do not wait. The pipe's is for the
// one who sends.
func (c *conn) SetWriteDeadline(time.Time) error { return nil }
