// Package cli is the commands of the syncline binary. Each takes what it needs of
// the outside world from Run's arguments and the environment, so that tests drive
// the real commands within one process.
//
// What a command prints on stdout is its result; logs, progress and complaints go
// to stderr.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/syncline/syncline/internal/config"
)

// The exit codes that mean the same in every command.
const (
	exitOK     = 0
	exitFailed = 1 // it was carried out, and what it found or did is not all well
	exitUsage  = 2 // it could not be begun: bad flags, bad files, nothing to open
)

// streams are where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// An exit is an error that decides the exit code. With a nil error the command
// has said already what there was to say.
type exit struct {
	code int
	err  error
}

func (e *exit) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

// usage marks an error of what was asked for.
func usage(format string, args ...any) error {
	return &exit{exitUsage, fmt.Errorf(format, args...)}
}

// Main runs the command that the process was started with.
func Main() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal ends ctx and everything in order. From then on signals do
	// what they do by default, so that the second ends the process at once.
	context.AfterFunc(ctx, stop)
	return Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
}

// Run runs one command and returns its exit code. When ctx ends a server shuts
// down in order and the other commands stop.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot(streams{stdin, stdout, stderr})
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var e *exit
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &e):
		if e.err != nil {
			fmt.Fprintf(stderr, "syncline: %v\n", e.err)
		}
		return e.code
	default:
		fmt.Fprintf(stderr, "syncline: %v\n", err)
		return exitFailed
	}
}

func newRoot(s streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "syncline",
		Short: "Self-hosted sync engine for local-first software",
		Long: `Syncline keeps data consistent between browsers, phones, desktop programs and
servers: reads are local, writes appear at once, everybody sees everybody's
changes.

Start with "syncline demo".

Every flag can also be set in the environment (--log-level as SYNCLINE_LOG_LEVEL)
and in the JSON file that --config names ({"log-level": "debug"}). A flag wins
over the environment, the environment over the file.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.PersistentFlags().String(config.FileFlag, "", "JSON file with settings named like the flags")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage("%w; see %s --help", err, cmd.CommandPath())
	})
	root.AddCommand(
		newDemo(s), newDev(s), newServe(s), newImport(s), newExport(s), newVerify(s), newWatch(s), newRules(s), newExplain(s), newDefinition(s), newQuarantine(s), newOutbox(s), newVersion(s),
	)
	known := map[string]bool{}
	for _, cmd := range append(root.Commands(), root) {
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) { known[f.Name] = true })
		args := cmd.Args
		cmd.Args = func(cmd *cobra.Command, given []string) error {
			if err := args(cmd, given); err != nil {
				return usage("%w; see %s --help", err, cmd.CommandPath())
			}
			return nil
		}
	}
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		origins, err := config.Source{LookupEnv: os.LookupEnv, Known: known}.Fill(cmd.Flags())
		if err != nil {
			return &exit{exitUsage, err}
		}
		cmd.SetContext(context.WithValue(cmd.Context(), originsKey{}, origins))
		return nil
	}
	return root
}

type originsKey struct{}

// origins say where the values of a running command's flags came from.
func origins(cmd *cobra.Command) config.Origins {
	o, _ := cmd.Context().Value(originsKey{}).(config.Origins)
	return o
}

// need refuses a command whose flag is empty, wherever it could have come from.
func need(cmd *cobra.Command, names ...string) error {
	for _, name := range names {
		if cmd.Flags().Lookup(name).Value.String() == "" {
			return usage("--%s is needed (or %s, or %q in the file of --config); see %s --help", name, config.EnvName(name), name, cmd.CommandPath())
		}
	}
	return nil
}
