package conformance

// A Rule is one promise that every manager makes. Its sentence is the rule: the
// documentation, the failures and the report quote it from here.
type Rule struct {
	ID    string // "PER-5"
	Group string // the heading that it stands under
	Text  string
}

// Rules returns the whole contract, in order. The rules of the groups about
// clusters apply to distributed engines only.
func Rules() []Rule { return append([]Rule(nil), rules...) }

// rule returns the rule of an id.
func rule(id string) Rule {
	for _, r := range rules {
		if r.ID == id {
			return r
		}
	}
	panic("conformance: there is no rule " + id)
}

var rules = []Rule{
	{"REG-1", "Registration", `A worker added before Start is registered and does not run.`},
	{"REG-2", "Registration", `A worker added to a running manager starts before Add returns, its OnStart included; an error of OnStart is Add's error and leaves nothing registered.`},
	{"REG-3", "Registration", "An invalid worker (no name, a name over 128 bytes or with anything but letters, digits and `. _ - / :`, no function, a period of zero or less, a cron expression that does not parse or is never due, a negative timeout, jitter, MaxLate or number of attempts, an unknown scope or misfire policy, a jitter not shorter than an interval's period) is refused with an error that is ErrInvalidWorker, names the worker and the field, and leaves nothing behind."},
	{"REG-4", "Registration", `A second worker of the same name is refused with ErrDuplicate; the first goes on.`},
	{"REG-5", "Registration", `After Stop, Add is refused with ErrStopped.`},
	{"REG-6", "Registration", `What the engine cannot do is refused at Add with ErrUnsupported, never ignored.`},
	{"STA-1", "Start and stop", `Nothing runs before Start.`},
	{"STA-2", "Start and stop", `A second Start returns ErrStarted; a Start after Stop, or after a failed Start, returns ErrStopped.`},
	{"STA-3", "Start and stop", `All OnStart hooks finish, in the order of Add, before any worker runs; if one fails, the workers already started are stopped in reverse order, Start returns an error that names the worker, nothing has run, and the manager is stopped.`},
	{"STA-4", "Start and stop", `Start's context bounds Start alone: its end does not stop the manager.`},
	{"STA-5", "Start and stop", `A disabled manager starts, runs nothing and makes no connection unless it is asked to act on the cluster (CTL-4); a disabled worker is listed and never runs.`},
	{"STA-6", "Start and stop", `When the engine's broker cannot be reached, Start tries until its context ends, or the connect timeout where it has no deadline, and then returns an error that says what it tried to reach (without any password in it) and why it failed. A context that ends while Start waits for anything else ends Start with an error too.`},
	{"STP-1", "Start and stop", `Once Stop is called, no run begins.`},
	{"STP-2", "Start and stop", `Stop waits for the runs in progress and returns nil when all have returned.`},
	{"STP-3", "Start and stop", `When Stop's context ends first, the contexts of the runs are cancelled with cause ErrStopping, they get a short grace, and Stop returns a *StopError that lists the workers cut off and those that never returned, and unwraps to the context's error.`},
	{"STP-4", "Start and stop", `Stop may be called at any time, twice, and from several goroutines. It ends a Start that is in progress, also one that is still connecting, and that Start returns ErrStopped.`},
	{"STP-5", "Start and stop", `OnStop hooks run in reverse order of Add, each after its worker's last run, also when the stop was cut short.`},
	{"STP-6", "Start and stop", `After Stop has returned, nothing of the manager is left: no goroutine, timer or connection, but for a run that ignores its context and is named in the error. If anything else has not ended in time, such as a hook or a call of the engine, the error names it.`},
	{"STP-7", "Start and stop", `Stop ends a wait between two attempts at once.`},
	{"STP-8", "Start and stop", `A run can see that its manager is stopping before its context is cancelled.`},
	{"STP-9", "Start and stop", `A run that stops early because its manager is stopping can return core.HandBack(err). The tick is handed back as in CLU-11 and counts neither as a failure nor as a crash. On an engine without a cluster the outcome is Cancelled.`},
	{"PER-1", "Period", `The slots of Every(d) are the multiples of d since the Unix epoch, in UTC, plus an offset where one is given, so a restart never resets the clock and all instances agree; the first run is at the first slot after the worker starts.`},
	{"PER-2", "Period", `By its instance's clock no run begins before its slot plus jitter, and on an idle machine none later than the lateness that the engine declares.`},
	{"PER-3", "Period", `No slot runs twice, and a worker's slots run in order.`},
	{"PER-4", "Period", `There is no drift: the thousandth run is the run of its own slot.`},
	{"PER-5", "Period", `A worker never overlaps itself: a slot that falls due while the worker runs is skipped, with reason overlap.`},
	{"PER-6", "Period", `RunOnStart triggers one manual tick when the worker starts, in addition to its schedule. With scope PerCluster it does so only if no other living instance of the cluster already has the worker. A rolling deploy of three instances therefore runs it at most once.`},
	{"PER-7", "Period", `Slots that were missed (the process was frozen, the clock jumped ahead, the broker was away, every instance was down) are treated alike by the worker's misfire policy: the latest one runs once unless it is older than MaxLate (the default, without a limit), or none does; the others are skipped with reason missed, counted, not enumerated. An engine without memory cannot know what was missed while the process did not exist, and says so in its features; a worker seen for the first time has missed nothing.`},
	{"PER-8", "Period", `Jitter delays each run by an amount between zero and Jitter that is derived from the worker's name: the same at every slot and on every instance, so runs stay exactly a period apart; the slot itself stays what it was.`},
	{"PER-9", "Period", `A schedule that returns the zero time is over: the worker stays listed and never runs again. One that does not advance is stopped with an error, never a hot loop.`},
	{"PER-10", "Period", `Delay(d) is due d after the previous run ended, wherever it ran, and first d after the worker started.`},
	{"PER-11", "Period", `After the clock jumped back by up to a minute no slot runs again; after a longer jump the worker goes on from the new now.`},
	{"CRN-1", "Period", "Cron takes five fields, six with seconds first, names, ranges, steps, lists, Sunday as 0 or 7, @yearly to @hourly and @every; where day of month and day of week are both restricted either one is enough, as in Vixie cron; an expression that does not parse, or that is never due (30 February), is refused by an error that points at the field, and 29 February is found across a century year. A step larger than its field's range (`*/90` minutes, `*/36` hours) is refused, because it would silently mean something else."},
	{"CRN-2", "Period", `A cron schedule has its time zone in itself and is UTC where none is given, never the host's.`},
	{"CRN-3", "Period", "A fixed time that daylight saving skips runs once, at the first instant after the gap (several in one gap are one slot); a fixed time that it repeats runs once, the first time. Where the hour field begins with `*` the schedule simply follows real time."},
	{"ERR-1", "Failure", `A run's error is logged, kept in the worker's status and handed to the error handler once, after the last attempt, and the next slot runs.`},
	{"ERR-2", "Failure", `A panic, and a runtime.Goexit, is contained and treated as an error: a *PanicError with the value and the stack. Methods of user values are foreign code: Error, Unwrap, Is and As of an error (including typed nil pointers), String of a schedule, a Backoff. A panic in any of them is contained, on every engine.`},
	{"ERR-3", "Failure", `A panic in a hook, a handler, a middleware or an observer is contained too. So is one in Options.Now, in a slog.Handler, in a LogValue, or in the methods of an error that any of them returns.`},
	{"ERR-4", "Failure", `Timeout gives each attempt a deadline; a run that ignores it keeps its worker busy, and its later slots are skipped, never overlapped.`},
	{"ERR-5", "Failure", `Retry repeats a failed attempt within its run, up to MaxAttempts, after a backoff, until Permanent(err) or success; the attempt's number is in the tick.`},
	{"ERR-6", "Failure", `A run that ends because Stop cancelled it is cancelled, not failed.`},
	{"ERR-7", "Failure", `A run that fails, panics or blocks never delays another worker, unless a limit on concurrent runs was set; then those due wait their turn.`},
	{"CTL-1", "Control while running", `Remove ends a worker on this instance: no run begins here after it is called, it waits for the run in progress until its context ends, and the name is free again; an unknown name is ErrNotFound.`},
	{"CTL-2", "Control while running", `Reschedule replaces the schedule on this instance: the next run is the new schedule's next slot, and a run in progress goes on.`},
	{"CTL-3", "Control while running", `Trigger runs the worker once as soon as it can, on any instance that has it, beside its schedule; triggers that come while one is waiting are one. Trigger returns the tick that will run, which is the waiting one if triggers coalesce.`},
	{"CTL-4", "Control while running", `Pause skips slots, with reason paused, until Resume, and they are not made up; Trigger still works. It holds for the whole cluster and outlives its instances. On a disabled manager, Pause, Resume and Trigger act on the cluster if the engine has one and return ErrDisabled if it has none. They never return nil without having done anything.`},
	{"CTL-5", "Control while running", `A run may call its own manager without deadlock; Stop and Remove of itself, called with the run's own context, do not wait for it.`},
	{"OBS-1", "Control while running", `Workers reports, for each worker, its schedule, scope, state, next slot, last run (tick, start, duration, attempts, outcome, error, instance), last success, last failure, failures in a row, and counts of runs, failures, and skips by reason. A paused worker shows as paused also while a run is in progress, with who paused it and when. On every instance an error has the text that the run returned, whatever its characters; a long text may be cut.`},
	{"OBS-2", "Control while running", `Every slot that the cluster did not run has a reason: overlap, paused, missed, or refused (over crashed runs, or a run that may begin once and was claimed too late to begin). A skipped slot is reported once in the whole cluster. A report gives the first slot, the last slot and their number. None of them is a slot that ran or will run.`},
	{"OBS-3", "Control while running", `A run's context carries its tick and a logger that has worker, tick, and attempt on every record.`},
	{"OBS-4", "Control while running", `Middleware wraps every run in the order given, and can put scoped dependencies into the context and release them after. It can be given for every worker or for one, and around each run or each attempt. After next it sees the number of attempts made.`},
	{"LNG-1", "Long-running workers", `A worker without a schedule is run once when it starts; Stop, Remove and Pause cancel its context at once, and returning then is its normal end, not a cut-off.`},
	{"LNG-2", "Long-running workers", `If it fails or panics it is run again after a backoff that grows and resets once it has stayed up; if it returns nil it is done. One that gives up is reported once as broken: in an event, in an ERROR log record, and in its status.`},
	{"LNG-3", "Long-running workers", `PerCluster, one instance runs it at a time, and another takes over within the engine's declared failover time when that instance stops, dies or loses the broker. One that is done stays done: an instance that joins does not run it again while another one has it. An instance that does not run it shows it as idle while another one does, and as done or broken when it is.`},
	{"CLU-1", "Cluster (distributed engines, scope PerCluster)", `Each slot completes at most once across all instances, and begins again only by CLU-4 or CLU-11; with AtMostOnce it never begins again.`},
	{"CLU-2", "Cluster (distributed engines, scope PerCluster)", `A worker never overlaps itself across instances, except by a run that has not yet noticed, or ignores, that its lease is lost.`},
	{"CLU-3", "Cluster (distributed engines, scope PerCluster)", `When an instance dies between runs there is no gap; when it dies in a run, or a broker's node fails, the gap is at most the declared failover time.`},
	{"CLU-4", "Cluster (distributed engines, scope PerCluster)", `A run whose instance died is run again by another within the declared failover time, marked as redelivered; after the third crash the slot is skipped with reason refused, and the next slot is due as usual.`},
	{"CLU-5", "Cluster (distributed engines, scope PerCluster)", `A tick runs only where its worker exists, reached within the declared re-route time, so a rolling deploy of a new worker, or of one fewer, loses and fails nothing, an instance that is starting holds up no tick, and one at its limit of concurrent runs leaves ticks to those that have room.`},
	{"CLU-6", "Cluster (distributed engines, scope PerCluster)", `While the broker is away managers stay alive with bounded resources; when it is back, PER-7 decides.`},
	{"CLU-7", "Cluster (distributed engines, scope PerCluster)", `Namespaces share a broker and nothing else.`},
	{"CLU-8", "Cluster (distributed engines, scope PerCluster)", `Clocks that differ by up to five seconds do not run a slot twice; an instance further than that from the broker's clock claims nothing and reports it.`},
	{"CLU-9", "Cluster (distributed engines, scope PerCluster)", `Each claim of a worker has a fencing token greater than every one before, also after the broker lost its data, and the run can read it.`},
	{"CLU-10", "Cluster (distributed engines, scope PerCluster)", `A run that cannot renew its lease in time, or whose instance was frozen past it, is cancelled with cause ErrLeaseLost, and its late result is not recorded.`},
	{"CLU-11", "Cluster (distributed engines, scope PerCluster)", `A run that was cut off by Stop and has returned is handed back: another instance runs the slot promptly, and it does not count as a crash. One that never returned is not handed back: its lease lapses.`},
	{"CLU-12", "Cluster (distributed engines, scope PerCluster)", `Stopping one instance disturbs no other.`},
	{"CLU-13", "Cluster (distributed engines, scope PerCluster)", `What a broker can lose (Redis without persistence, an asynchronous failover) is declared in the features and the docs; instances that are still alive restore from memory what they know, so that nothing they ran is run again.`},
}
