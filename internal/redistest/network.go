package redistest

import (
	"context"
	"net"
	"sync"
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

// dial connects a node. While it is cut off that waits for the context's end.
func (n *network) dial(ctx context.Context, node string, dial func() (net.Conn, error)) (net.Conn, error) {
	if n.isCut(node) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	c, err := dial()
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, network: n, node: node}, nil
}

// conn is a connection of a node. One that was cut is of no use after: bytes are
// missing.
type conn struct {
	net.Conn
	network *network
	node    string

	mu   sync.Mutex
	torn bool
}

func (c *conn) isTorn() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.torn = c.torn || c.network.isCut(c.node)
	return c.torn
}

func (c *conn) Write(b []byte) (int, error) {
	if c.isTorn() {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

func (c *conn) Read(b []byte) (int, error) {
	for {
		n, err := c.Conn.Read(b)
		if err != nil || !c.isTorn() {
			return n, err
		}
	}
}
