package backends

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/seed-891a2e1b/tickwork/core"
)

// maxNamespace is the length of the longest namespace, in bytes.
const maxNamespace = 64

// maxInstance is the length of the longest name of an instance, in bytes.
const maxInstance = 128

// validate tells what is wrong in a configuration, but for the sections.
func (c Config) validate() []error {
	var errs []error
	if c.Backend == "" && c.given("backend") {
		errs = append(errs, c.position("backend").at("backend", errors.New("is empty; without the key it is "+defaultBackend)))
	}
	if err := checkNamespace(c.Namespace); err != nil {
		errs = append(errs, c.position("namespace").at("namespace", err))
	}
	check := checker{c: c}
	check.options()
	errs = append(errs, check.errs...)
	for _, name := range slices.Sorted(maps.Keys(c.Workers)) {
		check := checker{c: c, at: path("workers").add(name)}
		check.override(c.Workers[name])
		errs = append(errs, check.errs...)
	}
	return errs
}

func checkNamespace(name string) error {
	if len(name) > maxNamespace {
		return fmt.Errorf("is %d bytes long, at most %d are allowed", len(name), maxNamespace)
	}
	for i, b := range []byte(name) {
		if !('a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || b == '.' || b == '_' || b == '-') {
			return fmt.Errorf("has %q at byte %d; letters, digits and . _ - are allowed", b, i)
		}
	}
	return nil
}

// checker gathers what is wrong in one worker's override.
type checker struct {
	c    Config
	at   path
	errs []error
}

func (k *checker) fail(key string, err error) {
	p := k.at.add(key)
	pos := k.c.position(p)
	if pos == (position{}) {
		pos = k.c.position(k.at)
	}
	k.errs = append(k.errs, pos.at(p, err))
}

func (k *checker) given(key string) bool { return k.c.given(k.at.add(key)) }

// options checks what c says of core.Options.
func (k *checker) options() {
	if err := checkInstance(k.c.Instance); err != nil || k.given("instance") && k.c.Instance == "" {
		k.fail("instance", cmp.Or(err, errors.New("is empty; without the key each instance makes up a name")))
	}
	if n := k.c.MaxConcurrent; n != nil && *n < 0 {
		k.fail("max_concurrent", fmt.Errorf("must not be negative, got %d", *n))
	}
	k.notNegative("stop_grace", k.c.StopGrace)
	k.positive("connect_timeout", k.c.ConnectTimeout)
}

func checkInstance(name string) error {
	if len(name) > maxInstance {
		return fmt.Errorf("is %d bytes long, at most %d are allowed", len(name), maxInstance)
	}
	if strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return errors.New("has a character that cannot be printed")
	}
	return nil
}

func (k *checker) override(o Override) {
	k.schedule(o)
	k.notNegative("timeout", o.Timeout)
	k.notNegative("jitter", o.Jitter)
	k.notNegative("max_late", o.MaxLate)
	if o.Jitter != nil && o.Every > 0 && *o.Jitter >= o.Every {
		k.fail("jitter", fmt.Errorf("must be shorter than the period of %s, got %s", o.Every, *o.Jitter))
	}
	if o.MaxLate != nil && o.Misfire != nil && *o.Misfire == core.SkipMissed {
		k.fail("max_late", fmt.Errorf("goes with misfire %s, and here is %s", core.RunLatest, core.SkipMissed))
	}
	if o.Retry != nil {
		k.retry(*o.Retry)
	}
}

// schedule checks what o says of a schedule.
func (k *checker) schedule(o Override) {
	k.schedules(o)
	k.positive("every", o.Every)
	k.positive("delay", o.Delay)
	k.offset(o)
	if o.Cron == "" && k.given("cron") {
		k.fail("cron", errors.New("is empty"))
	}
	if o.Timezone == "" && k.given("timezone") {
		k.fail("timezone", errors.New("is empty; name the zone, as in Europe/Berlin or UTC"))
	}
	k.cron(o)
}

func (k *checker) cron(o Override) {
	const alone = "needs cron, but %s has no time zone"
	switch {
	case o.Timezone != "" && o.Every != 0:
		k.fail("timezone", fmt.Errorf(alone, "every"))
		return
	case o.Timezone != "" && o.Delay != 0:
		k.fail("timezone", fmt.Errorf(alone, "delay"))
		return
	}
	if _, err := location(o.Timezone); err != nil {
		k.fail("timezone", err)
		return
	}
	if o.Cron == "" || o.Every != 0 || o.Delay != 0 {
		return
	}
	s, err := o.schedule(nil)
	if err != nil {
		k.fail("cron", err)
		return
	}
	if zone, _ := locationOf(s); o.Timezone != "" && zone == nil { // s is core's own
		k.fail("timezone", fmt.Errorf(alone, "@every"))
	}
}

func (k *checker) offset(o Override) {
	switch {
	case o.Every > 0 && o.Offset.Abs() >= o.Every:
		k.fail("offset", fmt.Errorf("must be shorter than the period of %s, got %s", o.Every, o.Offset))
	case o.Every == 0 && (o.Offset != 0 || k.given("offset")):
		k.fail("offset", errors.New("goes with every, which is not given"))
	}
}

// schedules refuses two of them.
func (k *checker) schedules(o Override) {
	var given []string
	for _, s := range []struct {
		key string
		set bool
	}{{"every", o.Every != 0}, {"cron", o.Cron != ""}, {"delay", o.Delay != 0}} {
		if s.set || k.given(s.key) {
			given = append(given, s.key)
		}
	}
	if len(given) > 1 {
		k.fail(given[1], fmt.Errorf("a worker has one schedule, and here are %s", join(given)))
	}
}

func (k *checker) retry(r Retry) {
	if r.Attempts < 0 || r.Attempts == 0 && k.given("retry"+pathSep+"attempts") {
		k.failRetry("attempts", fmt.Errorf("must be 1 or more, the first included, got %d", r.Attempts))
	}
	k.positive("retry"+pathSep+"backoff", r.Backoff)
	k.positive("retry"+pathSep+"max_backoff", r.MaxBackoff)
	switch {
	case r.MaxBackoff > 0 && r.Backoff == 0:
		k.failRetry("max_backoff", errors.New("goes with backoff, which is not given"))
	case r.MaxBackoff > 0 && r.MaxBackoff < r.Backoff:
		k.failRetry("max_backoff", fmt.Errorf("must not be shorter than backoff, which is %s, got %s", r.Backoff, r.MaxBackoff))
	}
}

func (k *checker) failRetry(key string, err error) { k.fail("retry"+pathSep+key, err) }

func (k *checker) positive(key string, d time.Duration) {
	if d < 0 || d == 0 && k.given(key) {
		k.fail(key, fmt.Errorf("must be longer than zero, got %s", d))
	}
}

func (k *checker) notNegative(key string, d *time.Duration) {
	if d != nil && *d < 0 {
		k.fail(key, fmt.Errorf("must not be negative, got %s", *d))
	}
}
