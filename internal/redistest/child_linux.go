package redistest

import "syscall"

// child has a server end with the process that started it.
func child() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
