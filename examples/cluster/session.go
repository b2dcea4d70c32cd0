package main

import (
	"errors"
	"net/url"
	"time"

	"github.com/seed-891a2e1b/tickwork/backends"
)

// startBroker starts a broker in this process for a backend that needs one, and
// returns its URL, which is empty if it started none. broker.go replaces it.
var startBroker = func(backend string) (url string, stop func(), err error) { return "", func() {}, nil }

// broker returns the URL of the session's broker. Without -url the broker is one in
// this process, which runs until stop is called.
func (s settings) broker() (broker string, stop func(), err error) {
	broker, stop = s.url, func() {}
	if broker == "" {
		if broker, stop, err = startBroker(s.backend); err != nil {
			return "", nil, err
		}
	}
	if broker, err = forSession(broker, s.lease); err != nil {
		stop()
		return "", nil, err
	}
	return broker, stop, nil
}

// forSession adds the lease to a broker's URL, and a namespace of its own if the URL
// has none: otherwise the verdict would cover runs of earlier sessions too.
func forSession(broker string, lease time.Duration) (string, error) {
	if _, err := backends.ParseURL(broker); err != nil {
		return "", err // which does not show the URL
	}
	u, err := url.Parse(broker)
	if err != nil {
		return "", errors.New("the broker's URL does not parse") // it may have a password in it
	}
	q := u.Query()
	q.Set("lease", lease.String())
	if !q.Has("namespace") {
		q.Set("namespace", time.Now().UTC().Format("cluster-20060102-150405"))
	}
	u.RawQuery = q.Encode()
	return u.String(), nil
}
