package backends

import (
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

// A Config says which backend to open, how, and what to change about the
// workers. Load makes one of a file and the environment, ParseURL of a URL; a
// program may fill it in. The zero value is the native backend.
//
// Printed, in whatever way, it shows nothing of what the backends' sections
// say: there may be passwords in them.
type Config struct {
	// Backend is the name of a registered backend. Empty is "native".
	Backend string `yaml:"backend"`

	// Enabled, where it is false, makes a manager that lists its workers and
	// runs none, and starts without a connection (core.Options.Disabled). Nil is true.
	Enabled *bool `yaml:"enabled"`

	// Namespace keeps this cluster apart from others on the same broker: up to
	// 64 ASCII letters, digits and . _ -, empty for the backend's default. A
	// backend without a broker has nothing to keep apart and takes any.
	Namespace string `yaml:"namespace"`

	// The next five fields override fields of the program's core.Options, as an
	// Override overrides fields of the program's worker.

	// Instance names this manager within its cluster (core.Options.Instance). It
	// must differ between instances: a file that they share must take it from the
	// environment, as in ${HOSTNAME}. Empty keeps the program's value.
	Instance string `yaml:"instance"`

	// MaxConcurrent limits how many runs are in progress at a time
	// (core.Options.MaxConcurrent); zero is no limit. Nil keeps the program's value.
	MaxConcurrent *int `yaml:"max_concurrent"`

	// StopGrace is how long a run may take to return once a stop has cancelled
	// it (core.Options.StopGrace); with zero it
	// is given up at once. Nil keeps the program's value.
	StopGrace *time.Duration `yaml:"stop_grace"`

	// ConnectTimeout bounds how long Start tries to reach the broker
	// (core.Options.ConnectTimeout). Zero keeps the program's value.
	ConnectTimeout time.Duration `yaml:"connect_timeout"`

	// LogLevel is the lowest level that the manager logs; in a file it is debug,
	// info, warn or error. The manager's logger, and core.Logger in its runs, then
	// give the handler of core.Options.Logger the records of this level and above,
	// even if the handler's own level is higher. Nil leaves that to the handler.
	LogLevel *slog.Level `yaml:"log_level"`

	// Workers are changes to workers that the program adds, by their names.
	// Each must have been added when the manager starts.
	Workers map[string]Override `yaml:"workers"`

	sections map[string]sealed // by backend
	where    *places
	loaded   *Config // as Load returned it, without sections; nil where it did not
}

// places are the keys that were given in a file, in the environment or in a
// URL, and where.
type places map[path]position

// An Override changes a worker: a field that is given replaces the program's
// when the worker is added, and core.WorkerStatus.Configured tells so. In a
// file a duration is a number with its unit: 90s, 10m, 1h30m.
type Override struct {
	// Every, Cron, or Delay, one of them, is the schedule: see the functions
	// of these names in the package core. Zero is the program's schedule.
	Every time.Duration `yaml:"every"`
	Cron  string        `yaml:"cron"`
	Delay time.Duration `yaml:"delay"`

	// Offset moves the slots of Every, with which it goes: later, or earlier
	// where it is negative, by less than a period.
	Offset time.Duration `yaml:"offset"`

	// Timezone is the time zone of Cron, or where that is not given of the
	// program's schedule, as the IANA database names it: "Europe/Berlin". Empty
	// is the program's, which is UTC where its schedule has none.
	Timezone string `yaml:"timezone"`

	// Timeout is the deadline of each attempt; zero is none. Nil is the program's.
	Timeout *time.Duration `yaml:"timeout"`

	// Retry repeats failed attempts. Nil is the program's.
	Retry *Retry `yaml:"retry"`

	// Jitter delays each run by up to so long. Nil is the program's.
	Jitter *time.Duration `yaml:"jitter"`

	// Misfire says what becomes of slots that were missed; in a file it is
	// run-latest or skip-missed. Nil is the program's.
	Misfire *core.Misfire `yaml:"misfire"`

	// MaxLate is how old a missed slot may be and still be made up by
	// run-latest; zero is without limit. Nil is the program's. It goes with
	// run-latest, whichever of the two says that: for a worker that skips what
	// it missed, Add refuses it.
	MaxLate *time.Duration `yaml:"max_late"`

	// RunOnStart runs the worker once when it starts, see core.Worker. Nil keeps the
	// program's value.
	RunOnStart *bool `yaml:"run_on_start"`

	// Enabled, where it is false, has the worker listed and never run; where
	// it is true, the worker runs also if the program disabled it. Nil is the
	// program's.
	Enabled *bool `yaml:"enabled"`
}

// A Retry changes a worker's core.Retry. Its zero fields are the program's.
type Retry struct {
	// Attempts is the number of attempts in one run, the first included.
	Attempts int `yaml:"attempts"`
	// Backoff is the wait before the second attempt; it doubles with each
	// further one, up to MaxBackoff.
	Backoff time.Duration `yaml:"backoff"`
	// MaxBackoff is the longest wait. Zero is a minute, or Backoff where that
	// is longer. It goes with Backoff.
	MaxBackoff time.Duration `yaml:"max_backoff"`
}

// Set gives a backend its own configuration, such as a gocron.Config: what only
// a program can give, a scheduler or a connection that it has, and its values
// for the keys. What the file, the environment or the URL say of a key comes
// over them. Open refuses a config of another backend's type, and one for a
// backend that is not registered.
func (c *Config) Set(backend string, config any) {
	s := *c.section(backend)
	s.value = config
	c.setSection(backend, &s)
}

// Given tells whether a key of a backend's own configuration, such as url, was
// given: by the program with Set, in the file, in the environment, or in a URL.
// It is false for a backend that is not registered, and for a section that Open
// refuses.
func (c Config) Given(backend, key string) bool {
	d := drivers.named(backend)
	if d == nil {
		return false
	}
	own, err := d.decode(c)
	if err != nil {
		return false
	}
	for _, k := range d.keys {
		if k.name == key && !reflect.ValueOf(own).Elem().FieldByIndex(k.index).IsZero() {
			return true
		}
	}
	where, _ := d.file(c.section(backend), reflect.ValueOf(own).Elem()) // also where it says zero
	_, ok := where[d.path(key)]
	return ok
}

// setSection replaces a section in c, and not in the copies of c.
func (c *Config) setSection(backend string, s *section) {
	c.sections = maps.Clone(c.sections)
	if c.sections == nil {
		c.sections = make(map[string]sealed)
	}
	c.sections[backend] = func() *section { return s }
}

// section returns what was said of a backend, which may be nothing.
func (c Config) section(backend string) *section {
	if s := c.sections[backend]; s != nil {
		return s()
	}
	return &section{}
}

// backend returns the name of the backend that is chosen.
func (c Config) backend() string {
	if c.Backend == "" {
		return defaultBackend
	}
	return c.Backend
}

// shownBackend returns the backend's name for messages. It hides a URL that was given
// in place of a name, because it may have a password.
func (c Config) shownBackend() string {
	if isURL(c.Backend) {
		return "(a URL)"
	}
	return c.backend()
}

const defaultBackend = "native"

// position returns where a key was given: the zero position where it was not.
func (c Config) position(p path) position {
	if c.where == nil || c.changed(p) {
		return position{}
	}
	return (*c.where)[p]
}

// given tells whether a key was given in a file or the environment.
func (c Config) given(p path) bool {
	if c.where == nil || c.changed(p) {
		return false
	}
	_, ok := (*c.where)[p]
	return ok
}

// changed tells whether a program has replaced what Load read of a key, so that
// the file and the environment have no part in it any more. Of a worker it is the
// whole that counts.
func (c Config) changed(p path) bool {
	if c.loaded == nil {
		return false
	}
	key, rest, _ := strings.Cut(string(p), pathSep)
	if key == "workers" {
		worker, _, _ := strings.Cut(rest, pathSep)
		return !reflect.DeepEqual(c.Workers[worker], c.loaded.Workers[worker])
	}
	for _, f := range tagged(reflect.TypeFor[Config]()) {
		if f.name == key {
			now, then := reflect.ValueOf(c).FieldByIndex(f.Index), reflect.ValueOf(*c.loaded).FieldByIndex(f.Index)
			return !reflect.DeepEqual(now.Interface(), then.Interface())
		}
	}
	return false
}

// String returns what may be shown to anyone: the backend, the namespace, the
// instance, the names of the sections and of the workers.
func (c Config) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "backend %s", c.shownBackend())
	if c.Enabled != nil && !*c.Enabled {
		b.WriteString(", disabled")
	}
	if c.Namespace != "" {
		fmt.Fprintf(&b, ", namespace %s", c.Namespace)
	}
	if c.Instance != "" {
		fmt.Fprintf(&b, ", instance %s", c.Instance)
	}
	list := func(what string, names []string) {
		if len(names) > 0 {
			fmt.Fprintf(&b, ", %s %s", what, strings.Join(names, " "))
		}
	}
	list("sections", slices.Sorted(maps.Keys(c.sections)))
	list("workers", slices.Sorted(maps.Keys(c.Workers)))
	return b.String()
}

// Format prints String for every verb.
func (c Config) Format(f fmt.State, _ rune) { fmt.Fprint(f, c.String()) }

// LogValue returns String for package slog.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }
