package nats

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/internal/access"
)

// The connection's figures.
const (
	reconnectWait = 250 * time.Millisecond
	pingInterval  = 5 * time.Second
	maxRefusals   = 2 // of our credentials, until Start gives up
)

// options are those of a connection of our own. A connection is never given up,
// and nothing is kept to be sent after a reconnect: a claim that came so late
// would be believed by nobody, and hold a worker up for a lease.
func (l *link) options(c Config, who []nats.Option, host core.Host) []nats.Option {
	list := []nats.Option{
		nats.Name("tickwork " + host.Instance),
		nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(reconnectWait),
		nats.ReconnectJitter(reconnectWait, reconnectWait),
		nats.ReconnectBufSize(-1),
		nats.PingInterval(pingInterval),
		nats.IgnoreAuthErrorAbort(), // credentials may be right again; Start looks for itself
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			err = l.scrub(err)
			host.Logger.Warn("nats: error on the connection", "error", err)
			if errors.Is(err, nats.ErrPermissionViolation) {
				l.mu.Lock()
				l.violation, l.violated = err, time.Now()
				l.mu.Unlock()
			}
		}),
	}
	list = append(list, who...)
	if c.TLS != (TLS{}) {
		list = append(list, nats.Secure(&tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.TLS.ServerName}))
	}
	if c.TLS.CA != "" {
		list = append(list, nats.RootCAs(c.TLS.CA))
	}
	if c.TLS.Cert != "" {
		list = append(list, nats.ClientCert(c.TLS.Cert, c.TLS.Key))
	}
	return append(list, c.Options...)
}

// link is the connection, ours or the program's, and what is known of it without
// asking it: while it dials, its methods wait.
type link struct {
	nc       *nats.Conn
	own      bool
	servers  []string
	password string // the password or the token, if the connection is our own
	status   chan nats.Status
	back     func() // called after a reconnect
	done     chan struct{}

	mu        sync.Mutex
	up        bool
	why       error
	violation error // of permissions, the latest
	violated  time.Time
}

// connect connects, or waits until the program's own connection is.
func connect(ctx context.Context, c Config, host core.Host) (*link, error) {
	l := &link{nc: c.Conn, own: c.Conn == nil, done: make(chan struct{})}
	if l.own {
		how, err := c.connection()
		if err != nil {
			return nil, err
		}
		l.servers, l.password = how.servers, how.password
		if err := l.dial(ctx, c, how.who, host); err != nil {
			return nil, fmt.Errorf("connect to %s: %w", l.name(), err)
		}
	} else {
		for _, server := range l.nc.Servers() {
			if u, err := url.Parse(server); err == nil {
				l.servers = append(l.servers, u.Scheme+"://"+u.Host)
			}
		}
	}
	l.status = l.nc.StatusChanged()
	if err := l.await(ctx); err != nil {
		_ = l.close(ctx)
		return nil, fmt.Errorf("connect to %s: %w", l.name(), err)
	}
	l.up = true
	return l, nil
}

// scrub strikes the password out of an error, which may quote a server's reply.
func (l *link) scrub(err error) error { return access.Scrub(err, l.password) }

func (l *link) name() string { return strings.Join(l.servers, ", ") }

// dial makes the connection. Nats.Connect knows no context: when that ends first,
// what it returns is closed.
func (l *link) dial(ctx context.Context, c Config, who []nats.Option, host core.Host) error {
	options := l.options(c, who, host)
	type connected struct {
		nc  *nats.Conn
		err error
	}
	done := make(chan connected, 1)
	go func() {
		nc, err := nats.Connect(strings.Join(l.servers, ","), options...)
		done <- connected{nc, err}
	}()
	select {
	case got := <-done:
		l.nc = got.nc
		return l.scrub(got.err)
	case <-ctx.Done():
		go func() {
			if got := <-done; got.nc != nil {
				got.nc.Close()
			}
		}()
		return context.Cause(ctx)
	}
}

// await waits until the connection is there. When the servers refuse who we are,
// it does not wait for them to change their mind.
func (l *link) await(ctx context.Context) error {
	refusals := 0
	for status := l.nc.Status(); ; {
		err := l.scrub(l.nc.LastError())
		switch status {
		case nats.CONNECTED:
			return nil
		case nats.CLOSED:
			return l.closed(err)
		case nats.RECONNECTING:
			if refused(err) {
				refusals++
			}
			if refusals >= maxRefusals {
				return err
			}
		}
		select {
		case status = <-l.status:
		case <-ctx.Done():
			if err == nil {
				err = nats.ErrNoServers
			}
			return fmt.Errorf("%w (%w)", err, context.Cause(ctx))
		}
	}
}

func refused(err error) bool {
	for _, no := range []error{nats.ErrAuthorization, nats.ErrAuthExpired, nats.ErrAuthRevoked, nats.ErrAccountAuthExpired} {
		if errors.Is(err, no) {
			return true
		}
	}
	return false
}

// closed is the error of a connection that is closed for good.
func (l *link) closed(last error) error {
	err := cmp.Or(last, nats.ErrConnectionClosed)
	if l.own {
		return err
	}
	return fmt.Errorf("Config.Conn is closed; close it only after Stop has returned: %w", err) //nolint:staticcheck // it begins with a name
}

// follow keeps up and why until the connection's status is listened to no more.
func (l *link) follow() {
	defer close(l.done)
	for status := range l.status {
		up := status == nats.CONNECTED
		l.mu.Lock()
		was := l.up
		l.up, l.why = up, nil
		l.mu.Unlock()
		switch {
		case !up:
			why := l.scrub(l.nc.LastError()) // which may wait for a dial
			if status == nats.CLOSED {
				why = l.closed(why)
			}
			l.mu.Lock()
			l.why = why
			l.mu.Unlock()
		case !was:
			l.back()
		}
	}
}

// check returns why there is no connection, or nil. Asked before each request, it
// keeps a program's own connection from sending it later.
func (l *link) check() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.up:
		return nil
	case l.why != nil:
		return fmt.Errorf("not connected to %s: %w", l.name(), l.why)
	}
	return fmt.Errorf("not connected to %s", l.name())
}

// denied returns the latest request that the servers did not permit, or nil where
// none is of late. They do not answer it, and tell the connection.
func (l *link) denied() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Since(l.violated) > 2*answer {
		return nil
	}
	return l.violation
}

// explain says what was tried, and what may be behind it.
func (l *link) explain(what string, err error) error {
	if denied := l.denied(); denied != nil && errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s: %w (%w)", what, err, denied)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// close lets go of the connection. Closing it waits for a dial in progress, which
// takes two seconds at most.
func (l *link) close(ctx context.Context) error {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		l.nc.RemoveStatusListener(l.status)
		if l.own {
			l.nc.Close()
		}
	}()
	select {
	case <-closed:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
