//go:build unix

package conformance

import (
	"os"
	"syscall"
)

// The signals that freeze a process and thaw it.
var freezing, thawing os.Signal = syscall.SIGSTOP, syscall.SIGCONT
