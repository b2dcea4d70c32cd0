package conformance

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, clusterStateCases) }

// clusterStateCases are about what an instance shows of a worker that another one runs.
var clusterStateCases = []kase{
	clustered("OBS-1", "an-error-shows-the-same-text-on-every-instance-whatever-its-characters", nil, func(c *cluster) {
		p := c.lively()
		midway(c.trial, p)
		texts := []string{
			`open C:\temp\new: "access" 'denied'`, "Zugriff verweigert: Schlüssel für 日本 🔑 fehlt", "two\nlines\tand\r\x00\x1b\x7f",
			"<a href=x>&amp;</a> {\"error\":\"}\"} %s %!d", "line\u2028and\u2029paragraph \ufeff\ufffd", "bytes \xff\xfe\x80 and \xed\xa0\x80 that are no text",
			strings.Repeat("ü\\", 20_000), "plain",
		}
		n := 0
		nodes := c.three(work("w", core.Every(p), func(context.Context) error {
			n++ // the runs do not overlap
			return errors.New(texts[n-1])
		}))
		for i, text := range texts {
			c.sleep(p)
			runs := c.runs("w")
			require.Len(c, runs, i+1, "runs: the worker goes on, whatever it returned")
			for _, n := range nodes {
				l := c.status(n.m, "w").Last
				require.NotNil(c, l, "the last run that %s knows of", n.name)
				require.Equal(c, runs[i].Tick.ID(), l.Tick.ID(), "the tick of the last run, on %s", n.name)
				require.Error(c, l.Err, "the error of the last run, on %s", n.name)
				shown := l.Err.Error()
				if cut := strings.TrimSuffix(shown, "…"); len(cut) > 500 && strings.HasPrefix(text, cut) {
					continue // a long text may be cut, but not within a character
				}
				// Each byte that is not UTF-8 may be replaced.
				require.Equal(c, string([]rune(text)), string([]rune(shown)), "the error of the last run, on %s", n.name)
			}
		}
	}),

	clustered("OBS-1", "an-instance-that-does-not-run-a-worker-shows-it-as-idle-while-another-runs-it", nil, func(c *cluster) {
		p := c.lively()
		slot := midway(c.trial, p)
		nodes := c.three(work("w", core.Every(p), takes(p/2)))
		c.show(nodes, "w", core.StateIdle, "before its first run")
		until(c.trial, slot.Add(p/4))
		require.Len(c, c.runs("w"), 1, "runs")
		runner := c.on(c.runs("w")[0])
		for _, n := range nodes {
			s := c.status(n.m, "w")
			assert.Equal(c, n == runner, s.Running, "whether %s runs it; %s does", n.name, runner.name)
			if n == runner {
				assert.Equal(c, core.StateRunning, s.State, "the state on %s, which runs it", n.name)
			} else {
				assert.Equal(c, core.StateIdle, s.State, "the state on %s, which does not run it", n.name)
			}
			assert.Nil(c, s.Last, "the last run that ended, on %s", n.name)
		}
		c.sleep(p / 2)
		c.show(nodes, "w", core.StateIdle, "after its run")
	}),

	clustered("OBS-1", "every-instance-shows-the-state-of-a-long-running-worker-in-the-cluster", []core.Feature{core.FeatureLongRunning, core.FeatureTrigger, core.FeaturePause, core.FeatureRetry}, func(c *cluster) {
		end := make(chan error)
		w := work("long", nil, func(ctx context.Context) error {
			select {
			case err := <-end:
				return err
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
		w.Retry = core.Retry{MaxAttempts: 2, Backoff: core.Constant(4 * c.failover())}
		nodes := c.three(w)
		led := func(runs int, here core.State, when string) {
			c.Helper()
			c.sleep(c.failover())
			require.Len(c, c.runs("long"), runs, "runs, %s", when)
			runner := c.on(c.runs("long")[runs-1])
			for _, n := range nodes {
				s := c.status(n.m, "long")
				want := core.StateIdle
				if n == runner {
					want = here
				}
				assert.Equal(c, want, s.State, "the state on %s, %s on %s", n.name, when, runner.name)
				assert.Equal(c, n == runner && here == core.StateRunning, s.Running, "whether it runs on %s, %s on %s", n.name, when, runner.name)
				assert.NoError(c, s.Err, "why it is broken on %s, %s on %s", n.name, when, runner.name)
				assert.Zero(c, s.Next, "the next slot on %s: it has none", n.name)
			}
		}
		again := func(from *node) {
			c.Helper()
			c.trigger(from.m, "long")
		}
		led(1, core.StateRunning, "while it runs")
		end <- errBoom
		led(1, core.StateBackoff, "in its backoff")
		c.sleep(4 * c.failover())
		led(2, core.StateRunning, "while it runs again")
		c.sleep(2 * time.Minute) // so long that its failure is forgotten
		end <- nil
		c.sleep(c.failover())
		c.show(nodes, "long", core.StateDone, "when it is done")
		again(nodes[1])
		led(3, core.StateRunning, "while it runs, having been done before,")
		require.NoError(c, nodes[2].m.Pause(context.Background(), "long"))
		c.sleep(c.failover())
		c.show(nodes, "long", core.StatePaused, "while it is paused")
		require.NoError(c, nodes[0].m.Resume(context.Background(), "long"))
		led(4, core.StateRunning, "while it runs after a pause")
		end <- core.Permanent(errBoom)
		c.sleep(c.failover())
		c.show(nodes, "long", core.StateBroken, "when it has given up")
		for _, n := range nodes {
			assert.ErrorContains(c, c.status(n.m, "long").Err, errBoom.Error(), "why it is broken, on %s", n.name)
		}
		again(nodes[2])
		led(5, core.StateRunning, "while it runs, having given up before,")
		c.alone(5)
	}),
}

// show fails the case unless a worker that runs nowhere has a state on all nodes.
func (c *cluster) show(nodes []*node, worker string, state core.State, when string) {
	c.Helper()
	for _, n := range nodes {
		s := c.status(n.m, worker)
		assert.Equal(c, state, s.State, "the state on %s, %s", n.name, when)
		assert.False(c, s.Running, "whether it runs on %s, %s", n.name, when)
		if state != core.StateBroken {
			assert.NoError(c, s.Err, "why it is broken on %s, %s", n.name, when)
		}
	}
}
