package host

import "github.com/syncline/syncline/host/core"

// PlantBugs is for the tests that prove that others would find them.
func (o *Options) PlantBugs(b core.Bugs) { o.bugs = b }
