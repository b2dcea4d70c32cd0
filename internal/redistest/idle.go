package redistest

import (
	"context"
	"slices"
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

func (i idle) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if i.isAway() || !i.answer(cmd) {
			return next(ctx, cmd)
		}
		return cmd.Err()
	}
}

// ProcessPipelineHook answers what it can before the rest is done. A pipeline that has
// anything of asynq's was asked by many here, at the same time, or asks the same again.
func (i idle) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if i.isAway() {
			return next(ctx, cmds)
		}
		if rest := slices.DeleteFunc(slices.Clone(cmds), i.answer); len(rest) > 0 {
			if err := next(ctx, rest); err != nil {
				return err
			}
		}
		for _, cmd := range cmds {
			if err := cmd.Err(); err != nil {
				return err
			}
		}
		return nil
	}
}

func (i idle) isAway() bool {
	return i.mini.net.isCut(i.node) || i.mini.net.isDeaf(i.node) || i.mini.isDown()
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
		if !strings.HasPrefix(key, "asynq:{") {
			return false
		}
		if what == "pending" && keys == 4 && !i.mini.Exists(key) { // to be taken
			cmd.SetErr(redis.Nil)
			return true
		}
		nothing, known := idleScripts[script{what, keys}]
		if !known || i.isDue(key, args[3+keys:]) {
			return false
		}
		cmd.SetVal(nothing)
		return true
	}
	return false
}

// script is one of asynq's that looks for what is due: the end of its first key,
// and how many it has.
type script struct {
	set  string
	keys int
}

// idleScripts has what they answer where nothing is.
var idleScripts = map[script]any{
	{"scheduled", 2}:        int64(0), // to be forwarded
	{"retry", 2}:            int64(0),
	{"completed", 1}:        int64(0), // to be deleted
	{"lease", 1}:            []any{},  // to be recovered
	{"aggregation_sets", 1}: "OK",     // to be given up
}

// isDue tells whether a sorted set, whose scores are seconds, has anything up to
// the time that is a script's first argument, or cannot be told that. The second
// is a prefix: that of a script which lists the set is a number.
func (i idle) isDue(set string, args []any) bool {
	if len(args) == 0 {
		return true
	}
	end, ok := args[0].(int64)
	if len(args) > 1 && ok {
		_, ok = args[1].(string)
	}
	if !ok || !i.mini.Exists(set) {
		return !ok
	}
	members, err := i.mini.ZMembers(set) // by score
	if err != nil {
		return true
	}
	score, err := i.mini.ZScore(set, members[0])
	return err != nil || score <= float64(end)
}
