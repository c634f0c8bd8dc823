package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/syncline/syncline"
	"github.com/syncline/syncline/host/history"
	"github.com/syncline/syncline/internal/admin"
)

// changeFlags say how a definition is put into force.
type changeFlags struct {
	local
	admin.Switch
	as []string
}

func (o *changeFlags) register(f *pflag.FlagSet) {
	f.BoolVar(&o.DryRun, "dry-run", false, "do all but put it into force")
	f.BoolVar(&o.DespiteTests, "despite-tests", false, "take it although tests of its own fail, which are told")
	f.BoolVar(&o.Quick, "quick", false, "do not find out who gains and loses what: for haste")
	f.StringArrayVar(&o.as, "as", nil, `whom to look at besides, as rules see them: {"uid": "bob", …claims}; may be given several times`)
}

// change asks a running server for another definition, and tells what came of it.
func (o *changeFlags) change(ctx context.Context, s streams, path string) error {
	if _, err := principals(o.as); err != nil {
		return err
	}
	o.Switch.As = raw(o.as)
	var done syncline.Switched
	if err := o.post(ctx, path, nil, o.Switch, &done); err != nil {
		return err
	}
	for _, warning := range done.Warnings {
		fmt.Fprintln(s.err, "dear:", warning)
	}
	fmt.Fprint(s.out, switchedText(&done))
	switch {
	case done.DryRun:
		fmt.Fprintf(s.out, "a dry run: %s stays in force, %s is not\n", done.Before, done.Version)
	case done.Restored != 0:
		fmt.Fprintf(s.out, "%s is in force, restored from %d, as number %d\n%s", done.Version, done.Restored, done.Number, untilFile)
	case done.Number != 0:
		fmt.Fprintf(s.out, "%s is in force, as number %d\n", done.Version, done.Number)
	default:
		fmt.Fprintf(s.out, "%s stays in force: the file says the same\n", done.Version)
	}
	return nil
}

// untilFile says how long what was restored stays in force.
const untilFile = `It stays, at a restart and SIGHUP, too, until the file of --definition says something else than
it did before this, or "syncline definition reload" takes the file as it is.
`

func newDefinitionReload(s streams) *cobra.Command {
	var o changeFlags
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Have a running server read its file again, and say who gains and loses what",
		Long: `A running server reads the file of --definition (and of --mutators) again, as SIGHUP would have it. It compiles it, runs its
tests, finds out who gains and loses what (of those who are connected, and those whom relations name), and then switches, each active space between
two commits, of which the number is told. What does not compile, or whose tests fail, changes nothing, and is explained with file and line.`,
		Example: "  syncline definition reload --dry-run\n  syncline definition reload",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.change(cmd.Context(), s, "/definitions/reload")
		},
	}
	o.registerAdmin(cmd.Flags())
	o.register(cmd.Flags())
	return cmd
}

func newDefinitionRestore(s streams) *cobra.Command {
	var o changeFlags
	cmd := &cobra.Command{
		Use:   "restore N",
		Short: "Bring back one that was in force",
		Long: `Puts a definition into force again, with the mutators of its TypeScript file. On a running server it goes the way of reload; of one that
is stopped name the directory with --dir: it is in force from the next start on.

` + untilFile,
		Example: "  syncline definition restore 3\n  syncline definition restore 3 --dir data",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := number(args[0])
			if err != nil {
				return err
			}
			if o.dir == "" {
				return o.change(cmd.Context(), s, fmt.Sprintf("/definitions/%d/restore", n))
			}
			if o.DryRun || o.DespiteTests || o.Quick || o.as != nil {
				return usage("of a server that is stopped nothing is compiled, tested or compared: --dir takes no other flags")
			}
			var r *history.Record
			err = o.history(func(h *history.History) error {
				r, err = h.Restore(cmd.Context(), n)
				return err
			})
			if err != nil {
				return err
			}
			fmt.Fprintf(s.out, "%s will be in force from the next start on, restored from %d, as number %d\n%s", r.Version, r.Restored, r.Number, untilFile)
			return nil
		},
	}
	o.local.register(cmd.Flags())
	o.register(cmd.Flags())
	return cmd
}

func newDefinitionForget(s streams) *cobra.Command {
	var at local
	var all bool
	cmd := &cobra.Command{
		Use:   "forget --dir DIR --all",
		Short: "Begin the history anew, where it is damaged",
		Long: `Removes what is kept of the definitions that were in force, for a history that is damaged, with which no server starts. The next
start takes the file of --definition as it is: see that it says what should be in force.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := need(cmd, "dir"); err != nil {
				return err
			}
			if !all {
				return usage("all of them? Say --all")
			}
			if err := at.history(func(h *history.History) error { return h.Forget(cmd.Context()) }); err != nil {
				return err
			}
			_, err := fmt.Fprintln(s.out, "the history of definitions begins anew with the next start")
			return err
		},
	}
	cmd.Flags().StringVar(&at.dir, "dir", "", "data directory of a server that is stopped")
	cmd.Flags().BoolVar(&all, "all", false, "all of them")
	return cmd
}
