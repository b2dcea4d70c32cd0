package redistest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2/server"
)

// network are the connections of nodes. What a node that is cut off writes is
// dropped, and so is what is sent to it.
type network struct {
	before func() // is called before each command

	mu      sync.Mutex
	off     map[string]bool
	deaf    map[string]bool                // what is sent to the node is dropped
	deafens map[string]func([]string) bool // a command that makes the node deaf
	conns   map[*conn]bool
}

// cut cuts a node off, or heals that: then the server finds out which connections the
// node has closed meanwhile.
func (n *network) cut(node string, cut bool) {
	n.mu.Lock()
	if n.off == nil {
		n.off = make(map[string]bool)
	}
	n.off[node] = cut
	conns := slices.Collect(maps.Keys(n.conns))
	n.mu.Unlock()
	for _, c := range conns {
		if !cut && c.node == node && c.isClosed() {
			c.leave()
		}
	}
}

func (n *network) isCut(node string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.off[node]
}

// loseAnswers has a node be deaf from the next command on that is one of those, or hear
// again if there are none.
func (n *network) loseAnswers(node string, from func([]string) bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.deafens == nil {
		n.deaf, n.deafens = make(map[string]bool), make(map[string]func([]string) bool)
	}
	n.deaf[node], n.deafens[node] = false, from
}

// sends makes a node deaf that sends a command which does that.
func (n *network) sends(node string, command []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if from := n.deafens[node]; from != nil && from(command) {
		n.deaf[node] = true
	}
}

func (n *network) isDeaf(node string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.deaf[node]
}

// dial connects a node to a server. While it is cut off that fails at once: a
// subscription of go-redis' dials under a mutex, and a bubble in which anybody
// waits for one of those stands still. What is connected already gets no answers.
func (n *network) dial(node string, to *server.Server) (net.Conn, error) {
	if n.isCut(node) || n.isDeaf(node) {
		return nil, os.ErrDeadlineExceeded
	}
	c := &conn{network: n, node: node, server: to}
	c.peer = server.NewPeer(bufio.NewWriter((*answers)(c)))
	c.more.L = &c.mu
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.conns == nil {
		n.conns = make(map[*conn]bool)
	}
	n.conns[c] = true
	return c, nil
}

// closeAll closes all connections, as a server does that ends.
func (n *network) closeAll() {
	n.mu.Lock()
	conns := slices.Collect(maps.Keys(n.conns))
	n.mu.Unlock()
	for _, c := range conns {
		c.shut()
		c.leave()
	}
}

// conn is a connection of a node. There are no pipes and no goroutines: a command
// is done by who writes it, and its answer is there to be read when Write returns.
// For a suite under the race detector that is half of what it takes. Commands that
// wait, as BLPOP does, would hold up their writer; nothing here has any. A
// connection that was cut is of no use after: bytes are missing.
type conn struct {
	network *network
	node    string
	server  *server.Server
	peer    *server.Peer

	turn       sync.Mutex // commands are done one after the other
	sent       []byte     // was written, and is not a whole command yet
	subscribed bool

	mu       sync.Mutex
	more     sync.Cond
	answered []byte
	deadline time.Time   // of reads
	alarm    *time.Timer // wakes readers no later than then
	closed   bool
	torn     bool
	missed   bool // an answer
}

// isTorn tells whether the connection is cut, or was, or has missed answers.
func (c *conn) isTorn() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.torn = c.torn || c.network.isCut(c.node) || c.missed && !c.network.isDeaf(c.node)
	return c.torn
}

func (c *conn) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

func (c *conn) Write(b []byte) (int, error) {
	c.turn.Lock()
	defer c.turn.Unlock()
	if c.isClosed() {
		return 0, net.ErrClosed
	}
	if c.isTorn() {
		return len(b), nil
	}
	c.sent = append(c.sent, b...)
	rest := c.sent
	for {
		args, more, err := command(rest)
		if err != nil {
			c.sent = nil
			return 0, err
		}
		if args == nil {
			break
		}
		rest = more
		if c.subscribed && strings.EqualFold(args[0], "ping") { // its answer tells who listens nothing
			continue
		}
		c.subscribed = c.subscribed || strings.Contains(strings.ToLower(args[0]), "subscribe")
		c.network.before()
		c.network.sends(c.node, args)
		c.server.Dispatch(c.peer, args)
		c.peer.Flush()
	}
	c.sent = c.sent[:copy(c.sent, rest)]
	return len(b), nil
}

// command takes a command off what a client has sent: an array of strings. There
// are no arguments if it is not whole yet.
func command(sent []byte) (args []string, rest []byte, err error) {
	n, rest, err := header(sent, '*')
	for range n {
		var size int
		if size, rest, err = header(rest, '$'); err != nil || len(rest) < size+2 {
			return nil, nil, err
		}
		args, rest = append(args, string(rest[:size])), rest[size+2:]
	}
	return args, rest, err
}

// header takes a line off that has a sign and a number. Without a line nothing is
// left.
func header(sent []byte, sign byte) (n int, rest []byte, err error) {
	line, rest, whole := bytes.Cut(sent, []byte("\r\n"))
	if !whole {
		return 0, nil, nil
	}
	if len(line) == 0 || line[0] != sign {
		return 0, nil, fmt.Errorf("not of a command: %q", line)
	}
	n, err = strconv.Atoi(string(line[1:]))
	return n, rest, err
}

// answers is a conn as its server writes to it.
type answers conn

func (a *answers) Write(b []byte) (int, error) {
	c := (*conn)(a)
	torn, deaf := c.isTorn(), c.network.isDeaf(c.node)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.missed = c.missed || deaf
	if !c.closed && !torn && !deaf {
		c.answered = append(c.answered, b...)
		c.more.Broadcast()
	}
	return len(b), nil
}

func (c *conn) Read(b []byte) (int, error) {
	torn := c.isTorn()
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		if torn = torn || c.torn; torn || c.missed {
			c.answered = nil
		}
		switch left := time.Until(c.deadline); {
		case len(c.answered) > 0:
			n := copy(b, c.answered)
			if c.answered = c.answered[n:]; len(c.answered) == 0 {
				c.answered = nil
			}
			return n, nil
		case c.closed:
			return 0, io.EOF
		case c.deadline.IsZero():
		case left <= 0:
			return 0, os.ErrDeadlineExceeded
		case c.alarm == nil:
			c.alarm = time.AfterFunc(left, c.wake)
		}
		c.more.Wait()
	}
}

// wake has readers look at their deadline.
func (c *conn) wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.alarm = nil
	c.more.Broadcast()
}

// Close closes the connection. The server is not told while it is cut.
func (c *conn) Close() error {
	c.shut()
	if !c.network.isCut(c.node) {
		c.leave()
	}
	return nil
}

// shut closes the node's end.
func (c *conn) shut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if c.alarm != nil {
		c.alarm.Stop()
	}
	c.more.Broadcast()
}

// leave closes the server's, once.
func (c *conn) leave() {
	c.network.mu.Lock()
	open := c.network.conns[c]
	delete(c.network.conns, c)
	c.network.mu.Unlock()
	if !open {
		return
	}
	c.turn.Lock()
	defer c.turn.Unlock()
	if c.subscribed { // ends what tells of messages
		c.server.Dispatch(c.peer, []string{"UNSUBSCRIBE"})
		c.server.Dispatch(c.peer, []string{"PUNSUBSCRIBE"})
	}
}

// SetDeadline bounds reads; writes do not wait.
func (c *conn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

func (c *conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.deadline = t; c.alarm != nil {
		c.alarm.Stop()
		c.alarm = nil
	}
	c.more.Broadcast()
	return nil
}

// SetWriteDeadline does nothing, since writes do not wait.
func (c *conn) SetWriteDeadline(time.Time) error { return nil }

func (c *conn) LocalAddr() net.Addr  { return address{} }
func (c *conn) RemoteAddr() net.Addr { return address{} }

type address struct{}

func (address) Network() string { return "mini" }
func (address) String() string  { return "mini" }
