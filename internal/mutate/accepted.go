package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

const acceptedFile = "internal/mutate/accepted.txt"

// kinds are the reasons to accept a survivor.
var kinds = []string{"equivalent", "performance", "log text"}

// An acceptance is a line of accepted.txt.
type acceptance struct {
	line                     int
	id, before, kind, reason string
}

// An acceptedList is accepted.txt, by id.
type acceptedList map[string]acceptance

// readAccepted reads accepted.txt, whose head describes its form.
func readAccepted(name string) (acceptedList, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return parseAccepted(string(data))
}

func parseAccepted(text string) (acceptedList, error) {
	list := acceptedList{}
	for i, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fail := func(what string) error { return fmt.Errorf("%s:%d: %s", acceptedFile, i+1, what) }
		// The source may contain the separator, so the fields are taken from both ends.
		id, rest, _ := strings.Cut(line, " | ")
		fields := strings.Split(rest, " | ")
		if len(fields) < 3 {
			return nil, fail("want: id | source | kind | reason")
		}
		last := len(fields) - 1
		a := acceptance{line: i + 1, id: id, before: strings.Join(fields[:last-1], " | "), kind: fields[last-1], reason: fields[last]}
		if !slices.Contains(kinds, a.kind) {
			return nil, fail(fmt.Sprintf("the kind is %q, want one of %s", a.kind, strings.Join(kinds, ", ")))
		}
		if _, ok := list[id]; ok {
			return nil, fail(id + " is listed twice")
		}
		list[id] = a
	}
	return list, nil
}

// stale returns a sentence for each entry of a package that has no mutant any more. all are the package's mutants.
func (list acceptedList) stale(dir string, all []*mutant) (lines []string) {
	byID := map[string]*mutant{}
	for _, m := range all {
		byID[m.id] = m
	}
	for _, a := range list.sorted() {
		file, _, _ := strings.Cut(a.id, ":")
		if i := strings.LastIndex(file, "/"); i < 0 || file[:i] != dir {
			continue
		}
		if m := byID[a.id]; m == nil {
			lines = append(lines, fmt.Sprintf("%s:%d: there is no mutant %s", acceptedFile, a.line, a.id))
		} else if m.before != a.before {
			lines = append(lines, fmt.Sprintf("%s:%d: %s is now a mutant of %s", acceptedFile, a.line, a.id, m.before))
		}
	}
	return lines
}

func (list acceptedList) sorted() (all []acceptance) {
	for _, a := range list {
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b acceptance) int { return a.line - b.line })
	return all
}

// has returns whether a mutant is accepted.
func (list acceptedList) has(m *mutant) bool {
	a, ok := list[m.id]
	return ok && a.before == m.before
}
