package redistest

import (
	"context"
	"net"
	"sync"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestScriptsAnswerAsMiniredisDoes runs scripts here and by miniredis itself, the
// first time with their source and then by their hash.
func TestScriptsAnswerAsMiniredisDoes(t *testing.T) {
	mini := NewMini()
	defer mini.Close()
	ours := mini.Client("")
	defer ours.Close()
	theirs := miniredis.NewMiniRedis()
	defer theirs.Close()
	plain := redis.NewClient(&redis.Options{Protocol: 2, Dialer: func(context.Context, string, string) (net.Conn, error) { return theirs.Dial() }})
	defer plain.Close()

	for _, source := range []string{
		`return 7`, `return 7.9`, `return 'x'`, `return true`, `return false`, `return nil`, ``, `return {}`,
		`return {1, 'a', {2, false, 'b'}, nil, 3}`,
		`return {KEYS[1], KEYS[2], KEYS[3], ARGV[1], ARGV[2], #KEYS, #ARGV}`,
		`return redis.status_reply('FINE')`, `return redis.error_reply('NOT FOUND')`,
		`return redis.call('SET', KEYS[1], ARGV[1])`,
		`return {redis.call('GET', KEYS[1]), redis.call('GET', 'none'), redis.call('EXISTS', KEYS[1])}`,
		`redis.call('HSET', 'h', 'a', 1, 'b', '') return redis.call('HMGET', 'h', 'a', 'none', 'b')`,
		`redis.call('ZADD', 'z', 1.5, 'm') return redis.call('ZRANGEBYSCORE', 'z', '-inf', 2)`,
		`if redis.call('GET', 'none') then return 1 end return 0`,
		`local t = {} table.insert(t, 'x') for i, v in ipairs({5, 6}) do table.insert(t, v) end return {unpack(t)}`,
		`return string.format('%.0f', tonumber('1700000000') * 1000000 + 5)`,
		`return math.floor(7 / 2)`,
	} {
		script := redis.NewScript(source)
		for range 2 {
			args := []any{"first", 2}
			want, wantErr := script.Run(t.Context(), plain, []string{"{k}1", "{k}2"}, args...).Result()
			got, err := script.Run(t.Context(), ours, []string{"{k}1", "{k}2"}, args...).Result()
			assert.Equal(t, want, got, source)
			assert.Equal(t, wantErr, err, source)
		}
	}
	for _, source := range []string{`return redis.call('HGET', 'h')`, `error('no')`, `return nothing.at.all`, `return (`} {
		assert.Error(t, redis.NewScript(source).Run(t.Context(), ours, nil).Err(), source)
	}
}

// TestScriptsAreAlone counts up in scripts and beside them.
func TestScriptsAreAlone(t *testing.T) {
	mini := NewMini()
	defer mini.Close()
	add := redis.NewScript(`local n = tonumber(redis.call('GET', KEYS[1]) or '0') redis.call('SET', KEYS[1], n + 1) return n`)
	const clients, times = 4, 100
	var wg sync.WaitGroup
	for i := range clients {
		client := mini.Client("")
		defer client.Close()
		wg.Go(func() {
			for range times {
				if i%2 == 0 {
					assert.NoError(t, add.Run(t.Context(), client, []string{"n"}).Err())
				} else {
					assert.NoError(t, client.Incr(t.Context(), "n").Err())
				}
			}
		})
	}
	wg.Wait()
	n, err := mini.Get("n")
	require.NoError(t, err)
	assert.Equal(t, "400", n)
}

// TestAMiniThatWasDown runs a script on it again.
func TestAMiniThatWasDown(t *testing.T) {
	mini := NewMini()
	defer mini.Close()
	client := mini.Client("")
	defer client.Close()
	script := redis.NewScript(`return redis.call('INCR', KEYS[1])`)
	require.NoError(t, script.Run(t.Context(), client, []string{"n"}).Err())
	mini.Down(true)
	require.Error(t, script.Run(t.Context(), client, []string{"n"}).Err())
	mini.Down(false)
	n, err := script.Run(t.Context(), client, []string{"n"}).Int()
	require.NoError(t, err)
	assert.Equal(t, 2, n)
}

// A command comes in pieces, or with others.
func TestCommandsInPieces(t *testing.T) {
	one, two := "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n"
	for i := range len(one) {
		args, _, err := command([]byte(one[:i]))
		require.NoError(t, err)
		require.Nil(t, args, one[:i])
	}
	args, rest, err := command([]byte(one + two))
	require.NoError(t, err)
	assert.Equal(t, []string{"GET", "k"}, args)
	args, rest, err = command(rest)
	require.NoError(t, err)
	assert.Equal(t, []string{"SET", "k", ""}, args)
	assert.Empty(t, rest)
	for _, wrong := range []string{"GET k\r\n", "*1\r\n+OK\r\n", "*x\r\n"} {
		_, _, err := command([]byte(wrong))
		assert.Error(t, err, wrong)
	}
}
