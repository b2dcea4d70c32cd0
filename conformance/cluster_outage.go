package conformance

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"runtime/pprof"
	"strconv"
	"strings"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, unreachedCases, outageCases) }

// STA-6: the broker is away when Start is called.
var unreachedCases = []kase{
	clustered("STA-6", "start-tries-until-its-context-ends", nil, func(c *cluster) {
		midway(c.trial, c.period())
		c.down()
		c.refuses(c.open("a", site{}, work("w", c.shortly(), nothing)), 3*time.Second, true)
	}),

	clustered("STA-6", "or-the-connect-timeout-where-that-has-no-deadline", nil, func(c *cluster) {
		midway(c.trial, c.period())
		c.down()
		for _, timeout := range []time.Duration{2 * time.Second, 7 * time.Second} {
			at := site{options: core.Options{ConnectTimeout: timeout}}
			c.refuses(c.open("a", at, work("w", c.shortly(), nothing)), timeout, false)
		}
	}),

	clustered("STA-6", "a-broker-that-comes-meanwhile-is-reached", nil, func(c *cluster) {
		p := c.period()
		midway(c.trial, p)
		n := c.open("a", site{options: core.Options{ConnectTimeout: p}}, work("w", core.Every(time.Second), nothing))
		c.down()
		time.AfterFunc(p/2, c.up)
		c.must(n.m.Start(context.Background()), "Start, while the broker comes up after half of the connect timeout")
		c.await(c.failover()+c.slack(), "w", 3)
	}),

	clustered("STA-6", "and-one-that-goes-meanwhile-is-waited-for", []core.Feature{core.FeatureRunOnStart}, func(c *cluster) {
		p := c.period()
		midway(c.trial, p)
		first := work("first", core.Every(p), nothing)
		first.OnStart = func(context.Context) error {
			c.down()
			time.AfterFunc(p/2, c.up)
			return nil
		}
		w := work("w", core.Every(time.Hour), nothing)
		w.RunOnStart = true
		n := c.open("a", site{options: core.Options{ConnectTimeout: p}}, first, w)
		c.must(n.m.Start(context.Background()), "Start, while the broker is away for half of the connect timeout")
		c.await(p/2+c.failover()+c.slack(), "w", 1) // Start need not wait until the broker is back
		c.sleep(p)
		assert.Len(c, c.runs("w"), 1, "runs at the start")
	}),
}

// refuses wants Start to fail after a time, and not before, and to say of what.
func (c *cluster) refuses(n *node, after time.Duration, deadline bool) {
	ctx := context.Background()
	if deadline {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, after)
		defer cancel()
	}
	began := time.Now()
	err := n.m.Start(ctx)
	took := time.Since(began)
	require.Error(c, err, "Start without a broker")
	assert.GreaterOrEqual(c, took, after, "how long Start has tried")
	assert.LessOrEqual(c, took, after+c.failover()/5+c.slack(), "how long Start has tried")
	assert.Contains(c, err.Error(), c.features.Engine, "the error names the engine")
	assert.Empty(c, c.runs("w"), "runs")
}

// CLU-6, and PER-7 across a cluster: the broker is away, or nobody is there.
var outageCases = []kase{
	clustered("CLU-6", "managers-stay-alive-with-bounded-resources", nil, func(c *cluster) {
		p := c.period()
		midway(c.trial, p)
		var workers []core.Worker
		for i := range 5 {
			workers = append(workers, work(numbered("w", i), core.Every(time.Second), nothing))
		}
		pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("case", c.name)))
		nodes := c.three(workers...)
		c.sleep(p)
		c.down()
		c.sleep(2 * p)
		before := c.goroutines()
		c.sleep(4 * p)
		assert.LessOrEqual(c, c.goroutines(), before+20, "goroutines after six periods without a broker; there were %d after two", before)
		for _, n := range nodes {
			assert.Len(c, n.m.Workers(), 5, "the workers of %s", n.name)
		}
		c.up()
		c.sleep(p)
		for _, w := range workers {
			runs := c.runs(w.Name)
			assert.WithinDuration(c, time.Now(), runs[len(runs)-1].Begin, 2*time.Second, "the last run of %s", w.Name)
		}
	}),

	clustered("CLU-6", "a-manager-stops-while-the-broker-is-away", nil, func(c *cluster) {
		p := c.period()
		midway(c.trial, p)
		nodes := c.three(work("w", core.Every(p), nothing))
		c.sleep(2 * p)
		c.down()
		c.sleep(2 * p)
		began := time.Now()
		_ = nodes[0].stop(10 * c.failover())
		assert.LessOrEqual(c, time.Since(began), 2*c.failover(), "the time that Stop took")
	}),

	clustered("CLU-6", "what-is-asked-meanwhile-is-answered-with-an-error-in-time", triggers, func(c *cluster) {
		p := c.period()
		midway(c.trial, p)
		n := c.start("a", work("w", core.Every(p), nothing))
		c.sleep(2 * p)
		c.down()
		ctx, cancel := context.WithTimeout(context.Background(), c.failover())
		defer cancel()
		began := time.Now()
		require.Error(c, errOf(n.m.Trigger(ctx, "w")), "Trigger without a broker")
		assert.LessOrEqual(c, time.Since(began), c.failover()+c.slack(), "the time that Trigger took")
	}),

	clustered("CLU-6", "observers-are-told-of-the-broker", nil, func(c *cluster) {
		p := c.period()
		midway(c.trial, p)
		var brokers watcher
		c.startAt("a", site{options: core.Options{Observers: []core.Observer{brokers.see}}}, work("w", core.Every(p), nothing))
		c.sleep(2 * p)
		c.down()
		c.sleep(2 * p)
		told := brokers.seen(core.EventBroker, "")
		require.NotEmpty(c, told, "events about the broker")
		require.Error(c, told[len(told)-1].Err, "what was told of a broker that is away")
		c.up()
		c.sleep(2 * p)
		told = brokers.seen(core.EventBroker, "")
		require.NoError(c, told[len(told)-1].Err, "what was told of a broker that is back")
		assert.LessOrEqual(c, len(told), 6, "times that it was told")
	}),

	clustered("CLU-6", "the-latest-slot-runs-once-when-the-broker-is-back", nil, func(c *cluster) {
		c.outage(20, func(*core.Worker) {}, 1)
	}),
	clustered("PER-7", "of-slots-missed-without-a-broker-none-runs-if-the-worker-says-so", misfires, func(c *cluster) {
		c.outage(6, func(w *core.Worker) { w.Misfire = core.SkipMissed }, 0)
	}),
	clustered("PER-7", "of-slots-missed-without-a-broker-none-runs-that-is-too-old", misfires, func(c *cluster) {
		c.outage(6, func(w *core.Worker) { w.MaxLate = c.period() / 4 }, 0)
	}),
	clustered("PER-7", "of-slots-missed-without-a-broker-the-latest-runs-if-it-is-not-too-old", misfires, func(c *cluster) {
		c.outage(6, func(w *core.Worker) { w.MaxLate = c.period() * 3 / 4 }, 1)
	}),

	clustered("PER-7", "slots-missed-while-every-instance-was-down", nil, func(c *cluster) {
		c.absence(func(n *node) { n.mustStop() })
	}),
	clustered("PER-7", "slots-missed-while-every-instance-was-dead", nil, func(c *cluster) {
		c.absence(func(n *node) { n.kill() })
	}),

	clustered("PER-7", "in-a-cluster-a-worker-seen-for-the-first-time-has-missed-nothing", nil, func(c *cluster) {
		p := c.period()
		midway(c.trial, p)
		c.start("a", work("w", core.Every(p), nothing))
		c.sleep(5 * p)
		b := c.start("b")
		slot := midway(c.trial, p)
		b.add(work("new", core.Every(p), nothing))
		c.sleep(p)
		c.rerouted(c.runs("new"), series(slot, p, 1), "it is new")
		assert.Zero(c, c.seen().Skipped("new"), "slots skipped")
	}),
}

// outage has the broker be away for n slots.
func (c *cluster) outage(n int, with func(*core.Worker), want int) {
	p := c.period()
	slot := midway(c.trial, p)
	w := work("w", core.Every(p), nothing)
	with(&w)
	c.three(w)
	c.sleep(2 * p)
	c.down()
	c.sleep(time.Duration(n) * p)
	c.up()
	c.sleep(p / 3)
	runs := c.slots("w")
	ran := append(series(slot, p, 2), series(slot.Add(time.Duration(n+1)*p), p, want)...)
	require.Equal(c, stamps(ran), stamps(runs), "the slots that were run, before and after %d periods without a broker", n)
	assert.Equal(c, core.Skips{Missed: uint64(n - want)}, c.seen().Skipped("w"), "slots skipped, on all nodes")
	c.sleep(2 * p)
	c.punctual(c.runs("w")[len(ran):], series(slot.Add(time.Duration(n+2)*p), p, 2), "the next slots are as usual")
	c.holds("OBS-2", "CLU-1")
}

// absence has no instance be there for twenty slots.
func (c *cluster) absence(end func(*node)) {
	p := c.period()
	slot := midway(c.trial, p)
	w := work("w", core.Every(p), nothing)
	nodes := c.three(w)
	c.sleep(2 * p)
	for _, n := range nodes {
		end(n)
	}
	c.sleep(20 * p)
	c.start("d", w)
	c.start("e", w)
	c.sleep(p / 3)
	want := series(slot, p, 2)
	missed := uint64(0)
	if c.features.Memory {
		want = append(want, slot.Add(21*p))
		missed = 19
	}
	require.Equal(c, stamps(want), stamps(c.slots("w")), "the slots that were run, before and after twenty periods without an instance")
	assert.Equal(c, core.Skips{Missed: missed}, c.seen().Skipped("w"), "slots skipped, on all nodes")
}

// goroutines counts those that the case's goroutine has started, and theirs. The
// label that tells them from other cases' is inherited.
func (c *cluster) goroutines() (n int) {
	var profile bytes.Buffer
	c.must(pprof.Lookup("goroutine").WriteTo(&profile, 1), "profile the goroutines")
	label := fmt.Sprintf("%q:%q", "case", c.name)
	count := regexp.MustCompile(`^(\d+) @`)
	for _, group := range strings.Split(profile.String(), "\n\n") {
		if !strings.Contains(group, label) {
			continue
		}
		for _, line := range strings.Split(group, "\n") {
			if m := count.FindStringSubmatch(line); m != nil {
				k, _ := strconv.Atoi(m[1])
				n += k
			}
		}
	}
	return n
}
