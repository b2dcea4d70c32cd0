package watchdog

import (
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
)

// A goroutine is one of a dump of the runtime.
type goroutine struct {
	id, parent string
	bubble     string   // empty for none
	state      string   // "chan receive (durable)"
	frames     []string // "function\n\tfile:line", the innermost first, and the go statement last
}

// goroutines are some of a dump.
type goroutines []goroutine

var (
	header  = regexp.MustCompile(`^goroutine (\d+) (?:gp=\S+ )?(?:m=\S+ )?(?:mp=\S+ )?\[([^\]]*)\]:$`)
	created = regexp.MustCompile(`^created by (.*?)(?: in goroutine (\d+))?$`)
	offset  = regexp.MustCompile(` \+0x[0-9a-f]+$`)
	args    = regexp.MustCompile(`\([^()]*\)$`)
)

// all dumps every goroutine.
func all() goroutines { return parse(dump(true)) }

// own is the goroutine of the caller.
func own() goroutine { return parse(dump(false))[0] }

func dump(all bool) string {
	for buf := make([]byte, 1<<16); ; buf = make([]byte, 2*len(buf)) {
		if n := runtime.Stack(buf, all); n < len(buf) {
			return string(buf[:n])
		}
	}
}

func parse(dump string) (list goroutines) {
	for block := range strings.SplitSeq(strings.TrimSpace(dump), "\n\n") {
		lines := strings.Split(block, "\n")
		head := header.FindStringSubmatch(lines[0])
		if head == nil {
			continue
		}
		g := goroutine{id: head[1]}
		for i, part := range strings.Split(head[2], ", ") {
			if bubble, ok := strings.CutPrefix(part, "synctest bubble "); ok {
				g.bubble = bubble
			} else if i == 0 {
				g.state = part
			}
		}
		for i := 1; i+1 < len(lines); i += 2 {
			name := args.ReplaceAllString(lines[i], "")
			if by := created.FindStringSubmatch(lines[i]); by != nil {
				name, g.parent = "created by "+by[1], by[2]
			}
			g.frames = append(g.frames, name+"\n"+offset.ReplaceAllString(lines[i+1], ""))
		}
		list = append(list, g)
	}
	return list
}

// in returns those of a bubble.
func (l goroutines) in(bubble *atomic.Value) goroutines {
	id, _ := bubble.Load().(string)
	return slices.DeleteFunc(l, func(g goroutine) bool { return id == "" || g.bubble != id })
}

// of returns a goroutine and those that it has begun, and they have in their turn.
func (l goroutines) of(id string) goroutines {
	family := map[string]bool{id: true}
	for n := 0; n < len(family); {
		n = len(family)
		for _, g := range l {
			if family[g.parent] {
				family[g.id] = true
			}
		}
	}
	return slices.DeleteFunc(l, func(g goroutine) bool { return !family[g.id] })
}

// blocked returns whether all of them wait, and not only for each other or a timer; and
// a text that differs if anything has moved.
func (l goroutines) blocked() (text string, blocked bool) {
	for _, g := range l {
		switch g.state {
		case "running", "runnable", "syscall", "IO wait", "GC assist wait", "GC assist marking", "preempted", "copystack":
			return "", false
		}
		blocked = blocked || !strings.HasSuffix(g.state, "(durable)")
		text += g.id + " " + g.state + " " + strings.Join(g.frames, " ") + "\n"
	}
	return text, blocked
}

// Stacks shows the goroutines of the caller's bubble; out of one, those that the caller
// has begun, and they have in their turn. Those that are only in the package suite are
// left out.
func Stacks(suite string) string {
	me, list := own(), all()
	if me.bubble == "" {
		return show(list.of(me.id), suite)
	}
	return show(slices.DeleteFunc(list, func(g goroutine) bool { return g.bubble != me.bubble }), suite)
}

// most is how many different stacks are shown.
const most = 12

// show prints goroutines, those with the same stack once.
func show(list goroutines, suite string) string {
	if matter := slices.DeleteFunc(slices.Clone(list), func(g goroutine) bool { return !g.matters(suite) }); len(matter) > 0 {
		list = matter
	}
	var texts []string
	times := map[string]int{}
	for _, g := range list {
		text := "[" + g.state + "]:\n" + strings.Join(g.frames, "\n")
		if times[text]++; times[text] == 1 {
			texts = append(texts, text)
		}
	}
	var b strings.Builder
	for i, text := range texts {
		if i == most {
			fmt.Fprintf(&b, "\n\n(and %d other stacks)", len(texts)-most)
			break
		}
		head := "goroutine"
		if n := times[text]; n > 1 {
			head = fmt.Sprintf("%d goroutines", n)
		}
		b.WriteString("\n\n" + head + " " + text)
	}
	return b.String()
}

// matters tells whether a goroutine is anywhere but in the standard library and in the
// files of the suite that are no tests of it.
func (g goroutine) matters(suite string) bool {
	return slices.ContainsFunc(g.frames, func(frame string) bool {
		name, file, _ := strings.Cut(strings.TrimPrefix(frame, "created by "), "\n\t")
		if strings.HasPrefix(name, suite+".") {
			file, _, _ = strings.Cut(file, ":")
			return strings.HasSuffix(file, "_test.go")
		}
		first := name[:max(strings.IndexAny(name, "./"), 0)]
		return !slices.Contains(standard, first) && !strings.Contains(name, "/internal/watchdog.")
	})
}

// standard are the first elements of the paths of the standard library's packages that
// goroutines wait in.
var standard = []string{"runtime", "testing", "sync", "time", "context", "internal", "syscall", "os", "io", "net", "bufio", "log", "fmt",
	"sort", "slices", "maps", "iter", "reflect", "errors", "strings", "bytes", "encoding", "crypto", "math", "unique", "weak", "database"}
