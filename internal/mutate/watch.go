package main

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"sync"
	"time"
)

// signs are what a failing test binary prints: a subtest, a test, or another end. The first
// kind that is found names what failed.
var signs = []*regexp.Regexp{
	regexp.MustCompile(`^ +--- FAIL: (\S+)`),
	regexp.MustCompile(`^--- FAIL: (\S+)`),
	regexp.MustCompile(`^((?:panic|fatal error): .*)`),
}

// progress is the prefix of the lines that report a test's progress.
var progress = regexp.MustCompile(`^(=== | *--- )`)

// A transcript is what a test binary prints with -test.v. It keeps the signs of a failure
// and the times of progress, since a mutant may print without end.
type transcript struct {
	mu      sync.Mutex
	line    []byte // the last line, if it has no end yet
	found   []string
	last    time.Time // of progress
	longest time.Duration
}

func newTranscript() *transcript {
	return &transcript{found: make([]string, len(signs)), last: time.Now()}
}

// maxLine is how much of a line is kept.
const maxLine = 1 << 12

func (o *transcript) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for rest := p; len(rest) > 0; {
		head, tail, ended := bytes.Cut(rest, []byte("\n"))
		if room := maxLine - len(o.line); room > 0 {
			o.line = append(o.line, head[:min(room, len(head))]...)
		}
		if ended {
			o.read(o.line)
			o.line = o.line[:0]
		}
		rest = tail
	}
	return len(p), nil
}

func (o *transcript) read(line []byte) {
	for i, sign := range signs {
		if found := sign.FindSubmatch(line); found != nil && o.found[i] == "" {
			o.found[i] = string(found[1])
		}
	}
	if progress.Match(line) {
		o.longest = max(o.longest, time.Since(o.last))
		o.last = time.Now()
	}
}

// sign returns what failed first, "" if there is no sign of a failure.
func (o *transcript) sign() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, found := range o.found {
		if found != "" {
			return found
		}
	}
	return ""
}

// silence returns how long there was no progress until now.
func (o *transcript) silence() time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	return time.Since(o.last)
}

// longestSilence returns the longest time without progress until now.
func (o *transcript) longestSilence() time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	return max(o.longest, time.Since(o.last))
}

// maxMemory is what a test binary may use.
const maxMemory = 2 << 30

// watch kills a process that uses too much memory or makes no progress for too long. The
// function that it returns ends the watch and returns why the process was killed, "" if
// it was not. The memory is known only on systems with /proc.
func watch(process *os.Process, out *transcript, silence time.Duration) (stop func() string) {
	quit, done := make(chan struct{}), make(chan string)
	go func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		reason := ""
		for {
			select {
			case <-quit:
				done <- reason
				return
			case <-tick.C:
				switch {
				case reason != "":
					continue
				case resident(process.Pid) > maxMemory:
					reason = "too much memory"
				case out.silence() > silence:
					reason = noProgress
				default:
					continue
				}
				_ = process.Kill()
			}
		}
	}()
	return func() string { close(quit); return <-done }
}

// resident returns the memory of a process in bytes, 0 if it is unknown.
func resident(pid int) int {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	var size, pages int
	if _, err := fmt.Sscan(string(data), &size, &pages); err != nil {
		return 0
	}
	return pages * os.Getpagesize()
}
