package backends

import (
	"context"
	"errors"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

// reachTimeout is how long Preflight tries to reach a broker where its context
// has no deadline and the options no ConnectTimeout.
const reachTimeout = 10 * time.Second

// Preflight tells, without starting anything, whether a configuration opens:
// whether the backend's broker can be reached, can do what the workers need,
// and when they will run. Nothing runs, no hook either, and nothing is left.
//
// Add is the program's own function that adds its workers to a manager, which
// is given one that takes workers and nothing else. So that all is told at
// once, that manager's Add returns no error for a worker that is refused; the
// report has it. Nil adds none. Slots are found from opts.Now on, and given as
// core.Schedule has them: a run begins later, by the worker's jitter.
func Preflight(ctx context.Context, cfg Config, opts core.Options, add func(context.Context, core.Manager) error) (r Report) {
	opts = cfg.options(opts)
	now := opts.Now
	if now == nil {
		now = time.Now
	}
	r = Report{Backend: cfg.shownBackend(), Now: now(), Disabled: opts.Disabled}
	fail := func(err error) {
		if err != nil {
			r.Errors = append(r.Errors, err)
		}
	}
	m, err := Open(ctx, cfg, opts)
	if err != nil {
		fail(err)
		return r
	}
	defer func() { fail(m.Stop(context.WithoutCancel(ctx))) }()
	r.Features = m.Features()

	// The workers first: to reach a broker may take all the time that there is.
	p := &plan{Manager: m, cfg: cfg, report: &r, added: make(map[string]bool)}
	var adding error
	if add != nil {
		adding = add(ctx, p)
	}
	d, own, _ := cfg.prepare() // as Open did
	if d.remote && !r.Disabled {
		r.Reached, err = d.tryReach(ctx, cfg, own, opts.ConnectTimeout)
		fail(err)
	}
	fail(adding)
	fail(cfg.unknownWorkers(p.added))
	return r
}

// tryReach asks the backend whether its broker is there.
func (d *driver) tryReach(ctx context.Context, cfg Config, own any, limit time.Duration) (bool, error) {
	if _, ok := ctx.Deadline(); !ok {
		if limit <= 0 {
			limit = reachTimeout
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	if err := d.reach(ctx, own); err != nil {
		if _, ok := errors.AsType[*core.ConfigError](err); ok { // a file that the configuration names
			return false, d.refused(cfg, own, err)
		}
		return false, &Error{Key: d.name, Err: d.hidden(cfg.section(d.name)).from(d.scrub(own, err, d.message(err)))}
	}
	return true, nil
}

// plan is the manager that Preflight's add is given: it writes the workers into
// the report.
type plan struct {
	core.Manager
	cfg    Config
	report *Report
	added  map[string]bool
}

// Add writes the worker into the report, with its error if it is refused.
func (p *plan) Add(ctx context.Context, w core.Worker) error {
	r := WorkerReport{Name: w.Name}
	o := p.cfg.Workers[w.Name]
	if r.Err = p.Manager.Add(ctx, w); r.Err == nil {
		w, _, _ = o.apply(w) // as Manager.Add did
		r.Configured = o.configured()
		r.Disabled = w.Disabled || p.report.Disabled
		r.fill(w, p.report.Now)
	}
	p.added[w.Name] = true
	p.report.Workers = append(p.report.Workers, r)
	return nil
}

var errPreflight = errors.New("backends: this is a preflight: workers are added and nothing else is done")

func (p *plan) Remove(context.Context, string) error                    { return errPreflight }
func (p *plan) Reschedule(context.Context, string, core.Schedule) error { return errPreflight }
func (p *plan) Trigger(context.Context, string) (core.Tick, error)      { return core.Tick{}, errPreflight }
func (p *plan) Pause(context.Context, string) error                     { return errPreflight }
func (p *plan) Resume(context.Context, string) error                    { return errPreflight }
func (p *plan) Start(context.Context) error                             { return errPreflight }
func (p *plan) Stop(context.Context) error                              { return errPreflight }
