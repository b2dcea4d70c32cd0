package conformance

import (
	"context"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, connectingCases) }

// connectingCases are about the end of a Start that has not reached what it waits for.
var connectingCases = []kase{
	clustered("STP-4", "stop-ends-a-start-that-is-still-connecting", nil, func(c *cluster) {
		midway(c.trial, c.period())
		c.down()
		for i, after := range []time.Duration{0, 10 * time.Millisecond, time.Second, c.failover()} {
			at := site{options: core.Options{ConnectTimeout: 100 * c.failover()}}
			c.stopsStarting(c.open(numbered("away", i), at, work("w", c.shortly(), nothing)), after)
		}
		c.up()
		c.sleep(c.period())
		assert.Empty(c, c.runs("w"), "runs")
	}),

	clustered("STP-4", "stop-ends-a-start-that-finds-the-broker's-data-new", nil, func(c *cluster) {
		midway(c.trial, c.period())
		c.start("a", work("w", c.shortly(), nothing))
		for i, after := range []time.Duration{0, 10 * time.Millisecond, time.Second} {
			c.lose()
			n := c.open(numbered("new", i), site{}, work("w", c.shortly(), nothing))
			start := c.call("Start", func() error { return n.m.Start(context.Background()) })
			c.sleep(after)
			began := time.Now()
			require.NoError(c, n.m.Stop(context.Background()))
			assert.LessOrEqual(c, time.Since(began), c.failover()/5+c.slack(), "the time that Stop took, %s after Start", after)
			if err := start.within(c.slack()); err != nil { // Start may have been through
				assert.ErrorIs(c, err, core.ErrStopped, "Start, which Stop has ended after %s", after)
			}
		}
	}),

	clustered("STA-6", "a-start-whose-context-ends-while-the-broker's-data-are-new-returns-an-error", nil, func(c *cluster) {
		p := c.period()
		midway(c.trial, p)
		c.start("a", work("w", core.Every(p), nothing))
		for i, limit := range []time.Duration{time.Millisecond, 20 * time.Millisecond, 300 * time.Millisecond, time.Second} {
			c.lose()
			n := c.open(numbered("new", i), site{}, work("w", core.Every(p), nothing))
			ctx, cancel := context.WithTimeout(context.Background(), limit)
			began := time.Now()
			err := n.m.Start(ctx)
			cancel()
			if err == nil { // the engine need not wait for anything
				continue
			}
			assert.ErrorIs(c, err, context.DeadlineExceeded, "Start, whose context ended after %s", limit)
			assert.LessOrEqual(c, time.Since(began), limit+c.failover()/5+c.slack(), "how long Start has tried")
			assert.ErrorIs(c, n.m.Start(context.Background()), core.ErrStopped, "a second Start")
			assert.NoError(c, n.m.Stop(context.Background()), "Stop after the Start that failed")
		}
		c.must(c.open("later", site{}, work("w", core.Every(p), nothing)).start(), "Start without a deadline")
		c.sleep(4 * p)
		assert.NotEmpty(c, c.runs("w"), "runs, since then")
	}),
}

// stopsStarting calls Stop some time after Start, which cannot reach the broker. Both
// must return soon.
func (c *cluster) stopsStarting(n *node, after time.Duration) {
	start := c.call("Start", func() error { return n.m.Start(context.Background()) })
	c.sleep(after)
	began := time.Now()
	assert.NoError(c, n.m.Stop(context.Background()), "Stop, %s after Start", after)
	assert.LessOrEqual(c, time.Since(began), c.failover()/5+c.slack(), "the time that Stop took, %s after Start", after)
	assert.ErrorIs(c, start.within(c.slack()), core.ErrStopped, "Start, which Stop has ended after %s", after)
}
