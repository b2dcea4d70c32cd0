package natstest

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// A Cluster is servers that replicate their streams, on the loopback.
type Cluster struct{ Servers []*Server }

// NewCluster starts n servers, and waits until they have a leader.
func NewCluster(n int, options ...Option) (*Cluster, error) {
	ports, err := freePorts(n)
	if err != nil {
		return nil, err
	}
	var routes []string
	for _, port := range ports {
		routes = append(routes, fmt.Sprintf("nats://127.0.0.1:%d", port))
	}
	c := &Cluster{}
	for i, port := range ports {
		s, err := prepare(append([]Option{func(o *server.Options) {
			o.ServerName = fmt.Sprintf("n%d", i+1)
			o.Cluster = server.ClusterOpts{Name: "natstest", Host: "127.0.0.1", Port: port}
			o.Routes = server.RoutesFromStr(strings.Join(routes, ","))
		}}, options...))
		if err != nil {
			return nil, errors.Join(err, c.Stop())
		}
		c.Servers = append(c.Servers, s)
		if err := s.Start(); err != nil {
			return nil, errors.Join(err, c.Stop())
		}
	}
	if err := c.ready(); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

// freePorts returns ports that were free a moment ago.
func freePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() // each another one
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// ready waits until one of the servers leads and knows them all.
func (c *Cluster) ready() error {
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-poll.C {
		for _, s := range c.Servers {
			if s.srv.Load().JetStreamIsLeader() && len(s.srv.Load().JetStreamClusterPeers()) == len(c.Servers) {
				return nil
			}
		}
	}
	return fmt.Errorf("natstest: the cluster has no leader after %s", patience)
}

// URL is the addresses of all servers.
func (c *Cluster) URL() string {
	var urls []string
	for _, s := range c.Servers {
		urls = append(urls, s.URL())
	}
	return strings.Join(urls, ",")
}

// Leader returns the server that leads a stream, or nil while there is none.
func (c *Cluster) Leader(stream string) *Server {
	for _, s := range c.Servers {
		if s.srv.Load().Running() && s.srv.Load().JetStreamIsStreamLeader(server.DEFAULT_GLOBAL_ACCOUNT, stream) {
			return s
		}
	}
	return nil
}

// Stop stops all servers and removes their data.
func (c *Cluster) Stop() error {
	var errs []error
	for _, s := range c.Servers {
		errs = append(errs, s.Stop())
	}
	return errors.Join(errs...)
}
