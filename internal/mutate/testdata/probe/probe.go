// Probe has a function for each operator of mutate, and prints what they return. Every mutant of
// such a function must change what it returns. The other functions have mutants that do not compile.
package main

import (
	"errors"
	"fmt"
	"time"
)

type meters int64

var probes = []struct {
	name string
	run  func() any
}{
	{"boundary", boundary}, {"negate", negate}, {"branch", branch}, {"logic", logic}, {"arith", arith},
	{"const", constant}, {"call", call}, {"assign", assign}, {"send", send}, {"jump", jump}, {"defer", deferred},
	{"go", concurrent}, {"error", failing},
}

func main() {
	for _, p := range probes {
		fmt.Println(p.name, result(p.run))
	}
}

func result(run func() any) (out any) {
	defer func() {
		if p := recover(); p != nil {
			out = fmt.Sprint("panic: ", p)
		}
	}()
	return run()
}

var seen string

// note has an effect, so that evaluating an operand twice shows.
func note[T any](v T) T {
	seen += fmt.Sprint(v, ";")
	return v
}

func boundary() any {
	seen = ""
	two, three := 2, meters(3)
	return fmt.Sprint(note(two) < note(2), two <= 2, three > 3, three >= 3, seen)
}

func negate() any {
	seen = ""
	two, yes := 2, []bool{true}
	var none error
	s := fmt.Sprint(note(two) == note(2), none != nil, two < 3, two > 3, seen)
	if yes[len(yes)-len(s)/len(s)] {
		s += " yes"
	}
	for !yes[len(yes)-len(s)/len(s)] {
		s += " never"
		break
	}
	switch {
	case len(s) == 99:
		return "99"
	}
	return s
}

func branch() any {
	var s string
	var any any = 5
	if any != nil {
		s += "if "
	}
	switch any {
	case 5:
		s += "five "
	}
	switch any := any.(type) {
	case int:
		s += fmt.Sprintf("int %d ", any)
	}
	switch {
	case any == 5:
		s += "equal "
	}
	ready := make(chan string, 2)
	ready <- "received"
	select {
	case word := <-ready:
		s += word
	default:
	}
	return s
}

func logic() any {
	yes, no := true, []bool{}
	return fmt.Sprint(len(no) > 5 && len(no) < 5, yes || len(no) == 5, yes || len(no) == 6 || len(no) == 7)
}

func arith() any {
	n, m := 7, 2.5
	d := 3 * time.Second
	n += 3
	n -= 1
	n++
	n++
	n--
	return fmt.Sprint(n, n+2, m-1.5, d+time.Second, "text"+"s"+seen[:len(seen)-len(seen)])
}

func constant() any {
	list := []int{4, 5}
	var far meters = 1
	var ok = true
	return fmt.Sprint(list[0], list[1], far, time.Duration(0), ok, false, 1<<len(list))
}

func call() any {
	seen = ""
	note("called")
	func() { note("here") }()
	return seen
}

func assign() any {
	n, m := 3, 4
	n = 5
	m *= 2
	n, m = m, n
	_ = n
	m++
	return fmt.Sprint(n, m)
}

func send() any {
	box := make(chan int, 2)
	box <- 3
	return len(box)
}

func jump() any {
	s := ""
	for i := range 4 {
		if i == 2 {
			continue
		}
		s += fmt.Sprint(i)
	}
	for {
		s += "."
		if len(s) > 5 {
			return s
		}
		if len(s) == 4 {
			break
		}
	}
	return s
}

func deferred() (out any) {
	defer func() { out = "deferred" }()
	return "returned"
}

func concurrent() any {
	order := make(chan string, 2)
	hold := make(chan struct{}, 1)
	go func() {
		select {
		case <-hold:
		case <-time.After(50 * time.Millisecond):
			order <- "inline"
			return
		}
		order <- "goroutine"
	}()
	hold <- struct{}{}
	return <-order
}

func failing() any {
	_, err := half(3)
	return err
}

func half(n int) (int, error) {
	return n / 2, errors.New("odd")
}

func returns(n int) int {
	switch n {
	case 5:
		return 1
	default:
		panic("no such number")
	}
}

func named(list [1]int) bool {
	type flag bool
	const size = 1
	var f flag = list[0] < returns(size)
	g := f
	return bool(f && g)
}
