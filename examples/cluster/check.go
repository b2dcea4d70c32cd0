package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/seed-891a2e1b/tickwork/backends"
	"github.com/seed-891a2e1b/tickwork/core"
)

// check is -check: it prints whether an instance would start, and when its workers
// would run. It starts none.
func check(ctx context.Context, s settings, stdout io.Writer) error {
	broker, stop, err := s.broker()
	if err != nil {
		return err
	}
	defer stop()
	if s.url == "" {
		fmt.Fprintf(stdout, "no -url is given: %s is checked on a broker in this process, and on no other\n", s.backend)
	}
	cfg, err := backends.ParseURL(broker)
	if err != nil {
		return err
	}
	report := backends.Preflight(ctx, cfg, core.Options{}, func(ctx context.Context, m core.Manager) error {
		for _, w := range workers() {
			if err := m.Add(ctx, w); err != nil {
				return err
			}
		}
		return nil
	})
	fmt.Fprint(stdout, report)
	if report.Err() != nil {
		return errors.New("an instance would not start")
	}
	return nil
}
