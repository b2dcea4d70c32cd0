package conformance

import (
	"context"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, onceCases) }

// CLU-1: each slot once, whoever runs it.
var onceCases = []kase{
	clustered("CLU-1", "three-nodes-run-each-slot-once", nil, func(c *cluster) {
		p := c.period()
		midway(c.trial, p)
		w := work("w", core.Every(p), func(context.Context) error { return nil })
		for _, name := range []string{"a", "b", "c"} {
			c.start(name, w)
		}
		c.sleep(100 * p)
		assert.Len(c, c.runs("w"), 100, "runs in a hundred periods")
	}),

	clustered("CLU-1", "runs-as-long-as-their-period-run-once-too", nil, func(c *cluster) {
		p := c.period()
		midway(c.trial, p)
		w := work("w", core.Every(p), takes(p+time.Second))
		for _, name := range []string{"a", "b", "c"} {
			c.start(name, w)
		}
		c.sleep(100 * p)
		assert.Len(c, c.runs("w"), 50, "runs in a hundred periods, each a little longer than a period")
		assert.EqualValues(c, 50, c.seen().Skipped("w").Overlap, "slots skipped for overlap")
		c.holds("OBS-2")
	}),
}
