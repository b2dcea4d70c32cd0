package main

import (
	"errors"
	"net/url"
	"time"
)

// withLease adds the lease to a broker's URL.
func withLease(broker string, lease time.Duration) (string, error) {
	u, err := url.Parse(broker)
	if err != nil {
		return "", errors.New("the broker's URL does not parse") // it may have a password in it
	}
	q := u.Query()
	q.Set("lease", lease.String())
	u.RawQuery = q.Encode()
	return u.String(), nil
}
