//go:build !unix

package redistest

import "os"

// No signal freezes a process here: sending this one is an error.
var freezing, thawing os.Signal = os.Interrupt, os.Interrupt
