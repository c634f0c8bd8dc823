// Command syncline is the Syncline server and its tools. Everything that it does
// is in internal/cli; see syncline --help.
package main

import (
	"os"

	"github.com/syncline/syncline/internal/cli"
)

func main() { os.Exit(cli.Main()) }
