package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

const (
	deleteOldLogs    = "delete-old-logs"
	markPassiveUsers = "mark-passive-users"
)

// patience is how long a run in progress may go on when the program stops.
const patience = 10 * time.Second

// A task is a worker and a report of its work.
type task struct {
	core.Worker
	done  func() string // reports what was done so far
	chaos bool          // it fails on purpose
}

// quickstart runs the workers until the context ends or -for is over, and stops
// them in order.
func quickstart(ctx context.Context, cfg config, stdout io.Writer) error {
	in, err := openInput(ctx, cfg)
	if err != nil {
		return err
	}
	defer in.close()
	tasks := newTasks(cfg, in)

	show := newDisplay(stdout, cfg.plain, in.about)
	logger := slog.New(show.handler())
	m, stopBroker, err := newManager(ctx, cfg.backend, core.Options{
		Logger: logger,
		Middleware: []core.Middleware{
			transactions(in.db, &sql.TxOptions{ReadOnly: cfg.dryRun}, markPassiveUsers),
		},
	})
	if err != nil {
		return err
	}
	defer stopBroker()
	if err := addAll(ctx, m, tasks); err != nil {
		return err
	}
	started := time.Now()
	if cfg.runFor > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, cfg.runFor, fmt.Errorf("-for %s is over", cfg.runFor))
		defer cancel()
	}
	watchCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- core.Run(ctx, m, patience)
		cancel()
	}()
	show.watch(watchCtx, report{m: m, tasks: tasks, started: started})
	if ctx.Err() == nil {
		return <-ended // the manager did not start
	}

	logger.Info("stopping", "because", context.Cause(ctx), "at_most", patience)
	stopErr := <-ended
	summary(stdout, m.Workers(), tasks, time.Since(started))
	if stopErr != nil {
		return stopErr
	}
	return failures(m.Workers(), tasks)
}

// newTasks makes the workers.
func newTasks(cfg config, in *input) []task {
	logs := newCleaner(in.logs, cfg.maxAge, cfg.dryRun)
	users := &marker{dryRun: cfg.dryRun}
	tasks := []task{
		{
			Worker: core.Worker{
				Name:       deleteOldLogs,
				Schedule:   core.Every(cfg.period),
				Run:        logs.Run,
				RunOnStart: true,
			},
			done: logs.done,
		},
		{
			Worker: core.Worker{
				Name:       markPassiveUsers,
				Schedule:   core.Every(cfg.period),
				Run:        users.Run,
				RunOnStart: true,
				Timeout:    time.Minute,
			},
			done: users.done,
		},
	}
	if cfg.chaos {
		tasks = append(tasks, chaosWorkers(cfg.period)...)
	}
	return tasks
}

func addAll(ctx context.Context, m core.Manager, tasks []task) error {
	for _, t := range tasks {
		if err := m.Add(ctx, t.Worker); err != nil {
			return err
		}
	}
	return nil
}
