package asynq

import (
	"context"
	"slices"
	"sync"

	"github.com/redis/go-redis/v9"
)

// batcher is a client that sends the scripts, and the commands that are given to Do,
// of many goroutines together: those that come while others are under way wait for the
// next flight. When there is little to do each goes at once and alone; when there is
// much, most of what a script costs on both sides, which is reading and writing, is
// shared.
type batcher struct {
	redis.UniversalClient

	mu      sync.Mutex
	waiting []*call
	flying  int
	flights sync.WaitGroup
}

// call is a script, or a command, that is to be run.
type call struct {
	cmd  *redis.Cmd
	done chan struct{}
}

const (
	// flights is how many batches are under way at a time: more than one, so
	// that one which is lost holds up not all.
	flights = 4

	// largest bounds a batch.
	largest = 128
)

// EvalSha implements redis.Scripter. It returns when the context ends; a script
// that is under way may run nevertheless, one that waits to be sent will not.
func (b *batcher) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	all := make([]any, 3, 3+len(keys)+len(args))
	all[0], all[1], all[2] = "evalsha", sha, len(keys)
	for _, key := range keys {
		all = append(all, key)
	}
	all = append(all, args...)
	cmd := redis.NewCmd(context.WithoutCancel(ctx), all...)
	if len(keys) > 0 {
		cmd.SetFirstKeyPos(3)
	}
	return b.await(ctx, cmd)
}

// Do is EvalSha of a command.
func (b *batcher) Do(ctx context.Context, args ...any) *redis.Cmd {
	return b.await(ctx, redis.NewCmd(context.WithoutCancel(ctx), args...))
}

func (b *batcher) await(ctx context.Context, cmd *redis.Cmd) *redis.Cmd {
	c := &call{cmd: cmd, done: make(chan struct{})}
	b.add(c)
	select {
	case <-c.done:
		return cmd
	case <-ctx.Done():
		b.withdraw(c) // who asked reads back soon whether it has happened, and decides by that
		gone := redis.NewCmd(ctx, cmd.Args()...)
		gone.SetErr(context.Cause(ctx))
		return gone
	}
}

func (b *batcher) add(c *call) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting = append(b.waiting, c)
	if b.flying < flights {
		b.flying++
		b.flights.Go(b.fly)
	}
}

// withdraw takes a call back that has not been sent.
func (b *batcher) withdraw(c *call) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := slices.Index(b.waiting, c); i >= 0 {
		b.waiting = slices.Delete(b.waiting, i, i+1)
	}
}

// fly sends what is waiting, until there is nothing more.
func (b *batcher) fly() {
	for {
		b.mu.Lock()
		batch := b.waiting
		if len(batch) == 0 {
			b.flying--
			b.mu.Unlock()
			return
		}
		if len(batch) > largest {
			batch = batch[:largest:largest]
		}
		if b.waiting = b.waiting[len(batch):]; len(b.waiting) == 0 {
			b.waiting = nil
		}
		b.mu.Unlock()
		b.send(batch)
	}
}

// send is bounded by the client's own timeouts: the batch is of many, each with a
// context of its own.
func (b *batcher) send(batch []*call) {
	ctx := context.Background()
	if len(batch) == 1 {
		_ = b.Process(ctx, batch[0].cmd) // the command has the error
	} else {
		pipe := b.Pipeline()
		for _, c := range batch {
			_ = pipe.Process(ctx, c.cmd)
		}
		_, _ = pipe.Exec(ctx) // each command has its own
	}
	for _, c := range batch {
		close(c.done)
	}
}

// wait waits until nothing is under way.
func (b *batcher) wait() { b.flights.Wait() }
