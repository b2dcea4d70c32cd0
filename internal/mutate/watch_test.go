package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestTranscriptNamesWhatFailedFirst(t *testing.T) {
	const subtest, test, panics = "    --- FAIL: TestA/case (0.00s)\n    --- FAIL: TestA/other (0.00s)\n", "--- FAIL: TestA (0.00s)\n", "panic: no reason\n"
	for _, c := range []struct{ printed, want string }{
		{test + subtest + panics, "TestA/case"},
		{panics + test, "TestA"},
		{"=== RUN TestA\n" + panics, "panic: no reason"},
		{"a line\n--- PASS: TestA (0.00s)\n", ""},
	} {
		out := newTranscript()
		for part := range strings.SplitSeq(strings.Repeat(strings.Repeat("x", 2*maxLine)+"\n", 1000)+c.printed, "A") {
			_, _ = out.Write([]byte(part))
			_, _ = out.Write([]byte("A"))
		}
		assert.Equal(t, c.want, out.sign(), c.printed)
	}
}

func TestOnlyTestsThatBeginOrEndAreProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newTranscript()
		write := func(line string) { _, _ = out.Write([]byte(line + "\n")) }
		time.Sleep(2 * time.Second)
		write("=== RUN   TestA")
		time.Sleep(3 * time.Second)
		write("a log record, and a mutant may print those without end")
		time.Sleep(time.Second)
		assert.Equal(t, 4*time.Second, out.silence())
		write("    --- PASS: TestA/case (4.00s)")
		assert.Zero(t, out.silence())
		assert.Equal(t, 4*time.Second, out.longestSilence())
	})
}
