package main

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// A column of a table.
type column struct {
	head  string
	right bool // aligned to the right
	rank  int  // if there is too little room, the columns with the highest ranks are left out
}

// table formats the columns that fit into width: a line of heads, and one for each
// row.
func table(columns []column, rows [][]string, width int) []string {
	widths := make([]int, len(columns))
	for i, c := range columns {
		widths[i] = utf8.RuneCountInString(c.head)
		for _, row := range rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
	}
	shown := fitting(columns, widths, width)
	heads := make([]string, len(columns))
	for i, c := range columns {
		heads[i] = c.head
	}
	var lines []string
	for _, row := range slices.Concat([][]string{heads}, rows) {
		var b strings.Builder
		for n, i := range shown {
			if n > 0 {
				b.WriteString(gap)
			}
			padding := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(row[i]))
			if columns[i].right {
				b.WriteString(padding + row[i])
			} else {
				b.WriteString(row[i] + padding)
			}
		}
		lines = append(lines, strings.TrimRight(b.String(), " "))
	}
	return lines
}

const gap = "  "

// fitting returns the indices of the columns that fit, at least one.
func fitting(columns []column, widths []int, width int) []int {
	var shown []int
	for i := range columns {
		shown = append(shown, i)
	}
	for len(shown) > 1 {
		total := (len(shown) - 1) * len(gap)
		least := 0 // the position in shown of the highest rank
		for n, i := range shown {
			total += widths[i]
			if columns[i].rank > columns[shown[least]].rank {
				least = n
			}
		}
		if total <= width {
			break
		}
		shown = slices.Delete(shown, least, least+1)
	}
	return shown
}
