package conformance

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strings"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, foreignErrorCases()) }

// A wildError is an error one of whose methods does not return.
type wildError struct {
	name   string
	err    error
	method string // that does not return
}

// wildErrors are the ways in which an error's methods fail to return.
var wildErrors = []wildError{
	{"a-nil-pointer-as-its-error", (*lostMailError)(nil), "Error"},
	{"an-error-whose-error-method-panics", wildTextError{}, "Error"},
	{"an-error-whose-error-method-exits", exitingTextError{}, "Error"},
	{"an-error-whose-unwrap-method-panics", wildUnwrapError{}, "Unwrap"},
	{"an-error-whose-is-method-panics", wildIsError{}, "Is"},
	{"an-error-whose-as-method-panics", wildAsError{}, "As"},
}

// lostMailError has methods that want a value, as most pointers to a struct do.
type lostMailError struct{ to string }

func (m *lostMailError) Error() string { return "lost mail to " + m.to }

type wildTextError struct{}

func (wildTextError) Error() string { panic("kaboom") }

type exitingTextError struct{}

func (exitingTextError) Error() string { runtime.Goexit(); return "" }

type wildUnwrapError struct{}

func (wildUnwrapError) Error() string { return "wild" }
func (wildUnwrapError) Unwrap() error { panic("kaboom") }

type wildIsError struct{}

func (wildIsError) Error() string { return "wild" }
func (wildIsError) Is(error) bool { panic("kaboom") }

type wildAsError struct{}

func (wildAsError) Error() string { return "wild" }
func (wildAsError) As(any) bool   { panic("kaboom") }

// foreignErrorCases are all wild errors in all surroundings, and where else an error
// may come from.
func foreignErrorCases() (cases []kase) {
	for _, e := range wildErrors {
		for _, s := range surroundings {
			cases = append(cases, kase{rule: "ERR-2", name: "a-run-with-" + e.name + "-has-failed-" + s.name, needs: s.needs, run: func(t *trial) {
				w := t.worker("w", core.Every(t.period()), nil)
				var opts core.Options
				s.dress(t, &w, &opts)
				t.tames(e, opts, t.returning(e, w, max(w.Retry.MaxAttempts, 1)))
			}})
		}
		cases = append(cases, kase{rule: "ERR-3", name: "middleware-that-returns-" + e.name + "-has-failed-the-run", run: func(t *trial) {
			opts := core.Options{Middleware: []core.Middleware{through, func(ctx context.Context, next func(context.Context) error) error {
				if err := next(ctx); err != nil || t.count("w") > 1 {
					return err
				}
				return e.err
			}, through}}
			t.tames(e, opts, t.worker("w", core.Every(t.period()), nil))
		}})
	}
	for _, e := range wildErrors[:3] {
		cases = append(cases,
			kase{rule: "ERR-2", name: "a-run-that-panics-with-" + e.name + "-has-failed", run: func(t *trial) {
				t.tames(e, core.Options{}, t.worker("w", core.Every(t.period()), func(context.Context) error {
					if t.count("w") == 1 {
						panic(e.err)
					}
					return nil
				}))
			}},
			kase{rule: "ERR-2", name: "permanent-of-" + e.name + "-is-not-repeated", needs: retries, run: func(t *trial) {
				w := t.worker("w", core.Every(t.period()), nil)
				w.Retry = core.Retry{MaxAttempts: 3, Backoff: core.Constant(t.period() / 20)}
				permanent := e
				permanent.err = core.Permanent(e.err)
				w = t.returning(permanent, w, 1)
				t.tames(e, core.Options{}, w)
				require.Greater(t, t.count("w"), 1, "attempts, of two slots")
				ticks := t.calls("w")
				assert.NotEqual(t, ticks[0].tick.ID(), ticks[1].tick.ID(), "the tick of the second attempt: the first run has one")
			}},
			kase{rule: "ERR-2", name: "a-long-running-worker-with-" + e.name + "-is-run-again", needs: longRunning, run: func(t *trial) {
				w := t.worker("long", nil, nil)
				w.Retry = core.Retry{Backoff: core.Constant(t.period() / 20)}
				handler := &errorHandler{}
				t.running(core.Options{OnError: handler.hear}, t.returning(e, w, 3))
				t.eventually(3*t.period(), "it is run again after each failure", func() bool { return t.count("long") >= 4 })
				require.NotEmpty(t, handler.heard(), "calls of the error handler")
				t.isTame(handler.heard()[0].err, e, "the error handler")
			}},
			kase{rule: "ERR-3", name: "on-start-that-returns-" + e.name + "-fails-start", needs: hooks, run: func(t *trial) {
				m := t.open(core.Options{})
				w := t.worker("careless", core.Every(t.period()), nil)
				w.OnStart = func(context.Context) error { return e.err }
				require.NoError(t, m.Add(context.Background(), w))
				err := t.call("Start", func() error { return m.Start(context.Background()) }).within(t.soon())
				t.isTame(err, e, "Start")
				assert.ErrorContains(t, err, "careless", "the error names the worker")
			}},
			kase{rule: "ERR-3", name: "on-stop-that-returns-" + e.name + "-does-not-hold-up-stop", needs: hooks, run: func(t *trial) {
				d, log := t.diary(), newJournal()
				careless := d.hooked(t.worker("careless", core.Every(t.period()), nil))
				careless.OnStop = func(context.Context) error { return e.err }
				m := t.running(core.Options{Logger: slog.New(log)}, d.hooked(t.worker("first", core.Every(t.period()), nil)), careless)
				_ = t.stopping(m).within(t.soon())
				assert.Equal(t, []string{"stop first"}, d.read()[2:], "the OnStop hooks of the others")
				records := log.about("careless", slog.LevelError)
				require.Len(t, records, 1, "records at level error that name the worker")
				assert.Contains(t, records[0].String(), e.what(), "the record says which method did not return")
			}},
		)
	}
	return cases
}

// returning makes a worker return a wild error, from outside of what records its calls
// and prints what they return: the first attempts.
func (t *trial) returning(e wildError, w core.Worker, attempts int) core.Worker {
	run := w.Run
	w.Run = func(ctx context.Context) error {
		if err := run(ctx); err != nil || t.count(w.Name) > attempts {
			return err
		}
		return e.err
	}
	return w
}

// tames wants a wild error of a worker's first run to be an error like any other.
func (t *trial) tames(e wildError, opts core.Options, w core.Worker) {
	handler := &errorHandler{}
	opts.OnError = handler.hear
	m := t.running(opts, w)
	t.eventually(3*t.period(), "the error handler hears of the first run", func() bool { return len(handler.heard()) > 0 })
	s := t.status(m, w.Name)
	require.NotNil(t, s.Last, "the last run in the status")
	assert.EqualValues(t, 1, s.Failures, "failures")
	t.isTame(s.Last.Err, e, "the status")
	t.isTame(handler.heard()[0].err, e, "the error handler")
	t.awaitCalls(w.Name, 2)
	t.eventually(3*t.period(), "the next slot's run succeeds", func() bool { return t.status(m, w.Name).Last.Outcome == core.Succeeded })
	require.NoError(t, t.stopping(m).within(t.soon()), "Stop, when all runs have ended")
}

// isTame wants an error whose methods can be called, and that says which one of the
// wild error's did not return.
func (t *trial) isTame(err error, e wildError, where string) {
	text := t.printed(err)
	require.Contains(t, text, e.what(), "the error that %s has: it says which method did not return", where)
	var p *core.PanicError
	require.ErrorAs(t, err, &p, "the error that %s has", where)
	stack := string(p.Stack)
	for p, ok := p.Value.(*core.PanicError); ok; p, ok = p.Value.(*core.PanicError) { // the panic's value was the error
		stack += string(p.Stack)
	}
	typ := strings.TrimPrefix(fmt.Sprintf("%T", e.err), "*conformance.")
	assert.Contains(t, stack, strings.TrimPrefix(typ, "conformance."), "the stack that %s has", where)
}

// printed prints an error, and fails the case if that is not possible.
func (t *trial) printed(err error) (text string) {
	require.NotNil(t, err, "the error")
	<-t.apart("printing the error", func() { text = err.Error() })
	return text
}

// what is how an error is to name the method that did not return.
func (e wildError) what() string { return fmt.Sprintf("the %s method of %T", e.method, e.err) }

func init() { groups = append(groups, foreignClusterCases) }

// foreignClusterCases: a tick whose run has ended with a wild error comes to other
// instances, in the record or to be run again.
var foreignClusterCases = []kase{
	clustered("ERR-2", "an-error-whose-method-panics-is-read-on-every-node", nil, func(c *cluster) {
		p := c.lively()
		slot := midway(c.trial, p)
		e := wildErrors[0]
		nodes := c.three(work("w", core.Every(p), func(context.Context) error { return e.err }))
		c.sleep(3 * p)
		c.punctual(c.runs("w"), series(slot, p, 3), "each run has failed, with an error whose methods panic")
		for _, n := range nodes {
			last := c.status(n.m, "w").Last
			require.NotNil(c, last, "the last run that %s knows of", n.name)
			assert.Equal(c, core.Failed, last.Outcome, "its outcome, on %s", n.name)
			assert.Contains(c, c.printed(last.Err), e.what(), "its error, on %s", n.name)
		}
	}),

	clustered("ERR-2", "a-node-that-takes-over-a-run-whose-error-panics-lives", nil, func(c *cluster) {
		p := c.period()
		slot := midway(c.trial, p)
		e := wildErrors[0]
		nodes := c.three(work("w", core.Every(p), firstly(1, hangs, firstly(1, func(context.Context) error { return e.err }, nothing))))
		first := c.await(p, "w", 1)[0]
		c.on(first).kill()
		again := c.await(c.failover()+c.slack(), "w", 2)[1]
		assert.Equal(c, first.Tick.ID(), again.Tick.ID(), "the tick that is run again")
		c.sleep(c.failover() + c.slack()) // within which what another ran shows (OBS-1)
		for _, n := range nodes {
			if n.name == first.Node {
				continue
			}
			last := c.status(n.m, "w").Last
			require.NotNil(c, last, "the last run that %s knows of", n.name)
			assert.Contains(c, c.printed(last.Err), e.what(), "its error, on %s", n.name)
		}
		until(c.trial, slot.Add(3*p+p/2))
		c.punctual(c.runs("w")[2:], series(slot.Add(p), p, 3), "the next slots are as usual")
	}),
}
