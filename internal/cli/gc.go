package cli

import (
	"os"
	"runtime/debug"
)

// gcPercent lets the heap grow fourfold between collections instead of twofold. A
// server's live heap is small (some 10 MiB and what connections need), so it
// would collect many times a second under load, each time scanning the stacks of
// all loops and connections: a tenth of the processor time of a write. An idle
// server allocates nothing and stays where it is.
const gcPercent = 300

// TuneGC sets the collector up as serve does, unless the environment variable
// GOGC says otherwise. The benchmarks set up their servers and floors alike.
func TuneGC() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}
