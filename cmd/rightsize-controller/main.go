// Command rightsize-controller keeps the workloads of a cluster at the right
// size: it decides about every RightSize and, where its mode allows it, puts
// the decision into force.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/rightsize-dev/rightsize/internal/controller"
)

// version is set by the linker.
var version = "devel"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := controller.Main(ctx, version, os.Args[1:], os.Stderr)
	stop()
	os.Exit(code)
}
