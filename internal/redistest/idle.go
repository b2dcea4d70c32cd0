package redistest

import (
	"context"
	"strings"

	"github.com/redis/go-redis/v9"
)

// idle spares miniredis what asynq asks again and again, and is told nothing:
// each script costs it half a millisecond, and a day of virtual time has some
// hundred thousand of them. What is answered here it would answer so too; but
// the list of asynq's servers is not kept.
type idle struct {
	mini *Mini
	node string
}

func (i idle) DialHook(next redis.DialHook) redis.DialHook { return next }

func (i idle) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (i idle) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if i.mini.net.isCut(i.node) || i.mini.isDown() || !i.answer(cmd) {
			return next(ctx, cmd)
		}
		return cmd.Err()
	}
}

// answer answers a command, or tells that it cannot.
func (i idle) answer(cmd redis.Cmder) bool {
	args := cmd.Args()
	switch cmd := cmd.(type) {
	case *redis.IntCmd:
		if key, _ := args[1].(string); key == "asynq:servers" || key == "asynq:workers" {
			cmd.SetVal(1)
			return true
		}
	case *redis.Cmd:
		if cmd.Name() != "evalsha" || len(args) < 4 {
			return false
		}
		key, _ := args[3].(string)
		if strings.HasPrefix(key, "asynq:servers:") {
			cmd.SetVal("OK")
			return true
		}
		what := key[strings.LastIndexByte(key, ':')+1:]
		keys, _ := args[2].(int)
		switch {
		case !strings.HasPrefix(key, "asynq:{") || i.mini.Exists(key):
		case what == "pending" && keys == 4: // to be taken
			cmd.SetErr(redis.Nil)
			return true
		case (what == "scheduled" || what == "retry") && keys == 2: // to be forwarded
			cmd.SetVal(int64(0))
			return true
		case what == "completed" && keys == 1: // to be deleted
			cmd.SetVal(int64(0))
			return true
		case what == "lease" && keys == 1: // to be recovered
			cmd.SetVal([]any{})
			return true
		}
	}
	return false
}
