package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/syncline/syncline"
	"github.com/syncline/syncline/internal/appfile"
)

// devMutatorTime is how long a run of a mutator may take on a machine that compiles and tests besides.
const devMutatorTime = 2 * time.Second

func newDev(s streams) *cobra.Command {
	var o nodeFlags
	cmd := &cobra.Command{
		Use:   "dev FILE",
		Short: "Run an application's definition while you write it",
		Long: `Runs a server on this machine with a definition in TypeScript (docs/TYPESCRIPT.md): types
for the client, rules and mutators for the server, all in one file. The file and what it imports are watched: each change
that compiles and passes its tests is in force at once, for those who are connected, too, and what has changed is printed; one that does not is
explained, with file, line and column, and leaves the one before in force.

Everybody is who they say they are: nobody but this machine can connect.`,
		Example: `  syncline dev app.ts
  syncline dev app.ts --dir data --allow-origin http://localhost:5173`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return o.develop(cmd.Context(), s, args[0]) },
	}
	f := cmd.Flags()
	f.StringVar(&o.dir, "dir", "", "directory that holds the data; by default a temporary one that is removed at the end")
	f.StringVar(&o.admin, "admin", "", "loopback address for metrics, health and profiles; none by default")
	o.register(f)
	return cmd
}

func (o *nodeFlags) develop(ctx context.Context, s streams, path string) error {
	if o.definition != "" || o.mutators != "" || o.tokens != "" || o.anyone {
		return usage("dev takes the file alone, and is for this machine only: --definition, --mutators, --tokens and --%s are for syncline serve", anyoneFlag)
	}
	if !appfile.Is(path) {
		return usage("%s: dev wants a definition in TypeScript or JavaScript; syncline serve --definition takes YAML and JSON", path)
	}
	if err := checkListen(ctx, o.listen, false); err != nil {
		return err
	}
	log, err := o.logs.logger(s.err)
	if err != nil {
		return err
	}
	o.definition = path
	o.mutatorTime = devMutatorTime
	if o.dir == "" {
		if o.dir, err = os.MkdirTemp("", "syncline-dev-"); err != nil {
			return err
		}
		defer os.RemoveAll(o.dir)
	}
	n, err := o.start(ctx, log, nil)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "listening on %s\n", n.url)
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	d := &dev{streams: s, name: filepath.Base(path), definitions: n.definitions, present: n.app}
	done := make(chan struct{})
	go func() {
		defer close(done)
		appfile.Watch(watching, path, n.app.file.Files, func(file *appfile.App, err error) { d.changed(watching, file, err) })
	}()
	err = n.wait(ctx)
	cancel()
	<-done
	return err
}

// A dev tells how a file that is being written fares.
type dev struct {
	streams
	name        string
	definitions *definitions
	present     app // what the file last said and the server took
	failed      string
}

// changed takes a file that may have changed.
func (d *dev) changed(ctx context.Context, file *appfile.App, err error) {
	var next app
	if err == nil {
		if next, err = appOf(file); err == nil && d.failed == "" && next.digest() == d.present.digest() {
			return
		}
	}
	var done *syncline.Switched
	if err == nil {
		done, err = d.definitions.Switch(ctx, next.said(d.name), syncline.How{})
		err = next.locate(err)
	}
	if err != nil {
		if text := err.Error(); text != d.failed { // what was said need not be said again
			d.failed = text
			fmt.Fprintf(d.err, "%s is not taken, the one before it stays in force:\n  %s\n", d.name, strings.ReplaceAll(text, "\n", "\n  "))
		}
		return
	}
	d.present, d.failed = next, ""
	fmt.Fprintf(d.out, "%s is in force:\n  %s\n", d.name, strings.ReplaceAll(strings.TrimSuffix(switchedText(done), "\n"), "\n", "\n  "))
	for _, warning := range done.Warnings {
		fmt.Fprintln(d.err, "dear:", warning)
	}
}
