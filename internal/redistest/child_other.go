//go:build !linux

package redistest

import "syscall"

// child has a server end with the process that started it, where that can be had.
func child() *syscall.SysProcAttr { return nil }
