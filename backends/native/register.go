package native

import "github.com/seed-891a2e1b/tickwork/backends"

func init() { backends.Register(backends.Driver[Config]{Name: "native", New: New}) }
