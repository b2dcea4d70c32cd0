// Package all registers every backend of tickwork, for a program whose
// configuration is to choose among them all:
//
//	import _ "github.com/seed-891a2e1b/tickwork/backends/all"
//
// A program that needs one imports that one instead, and is smaller.
package all

import (
	_ "github.com/seed-891a2e1b/tickwork/backends/asynq"  // redis:// and others
	_ "github.com/seed-891a2e1b/tickwork/backends/gocron" // gocron://
	_ "github.com/seed-891a2e1b/tickwork/backends/native" // native://
	_ "github.com/seed-891a2e1b/tickwork/backends/nats"   // nats:// and others
)
