package core

import "context"

// main is the run's goroutine.
func (r *run) main(p *progress) {
	r.progress = p
	r.proceed()
	*p = progress{} // an idle goroutine keeps nothing of its last run alive
}

// A stage is how far a run has come. It goes forward only.
type stage uint8

const (
	claimed   stage = iota
	began           // the observers are notified
	executing       // middleware, attempts
	recorded        // the observers are notified
	handling        // OnError
	handled         // the worker must be released
	releasing       // the run is over
)

// proceed takes the run from its stage to its end, on its goroutine.
func (r *run) proceed() {
	defer r.exit()
	for r.stage != releasing {
		switch r.stage {
		case claimed:
			r.start()
		case began:
			r.notify()
			r.stage = executing
		case executing:
			r.end(r.execute())
		case recorded:
			r.notify()
			r.stage = handling
		case handling:
			r.stage = handled
			if r.outcome.Outcome == Failed && r.job.m.opts.OnError != nil {
				r.handle()
			}
		case handled:
			r.stage = releasing
			r.release(r.outcome)
		}
	}
}

// exit continues the run if foreign code called runtime.Goexit. The goroutine then makes
// only its deferred calls, and exit is one of them.
func (r *run) exit() {
	if r.stage == releasing {
		return
	}
	defer r.proceed()
	within := r.within
	r.within = ""
	switch fault := newGoexit(); {
	case within != "":
		r.job.m.logContained(within, fault)
	case r.stage == claimed || r.stage == executing:
		r.stage, r.exited = executing, fault
	}
}

// notify calls the observers that have not had the run's event yet.
func (r *run) notify() {
	for r.told < len(r.job.m.opts.Observers) {
		r.told++
		r.within = "observer"
		r.observe(r.job.m.opts.Observers[r.told-1])
		r.within = ""
	}
	r.told, r.event = 0, Event{}
}

// observe calls one observer, and contains a panic in it.
func (r *run) observe(o Observer) {
	defer r.job.m.containPanic("observer")
	o(r.event)
}

// handle calls OnError.
func (r *run) handle() {
	r.within = "OnError"
	r.callOnError()
	r.within = ""
}

func (r *run) callOnError() {
	defer r.job.m.containPanic("OnError")
	tick := r.tickOf(r.outcome.Attempts)
	r.job.m.opts.OnError(&attemptContext{context.WithoutCancel(r.innermost()), tick}, tick, r.outcome.Err)
}
