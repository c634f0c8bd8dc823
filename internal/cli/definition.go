package cli

import (
	"context"
	"fmt"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/host/history"
	"github.com/syncline/syncline/store"
)

func newDefinition(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "definition",
		Short: "Change the definition of a running server, and bring back an earlier one",
		Long: `A server keeps the definitions that were in force on it, the newest 50, beside its data. These commands list them,
show and compare them, bring one back, and have a running server read its file again.

A running server is asked at its admin address; of one that is stopped name the
directory with --dir.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newDefinitionList(s), newDefinitionShow(s), newDefinitionDiff(s), newDefinitionReload(s), newDefinitionRestore(s), newDefinitionForget(s))
	return cmd
}

func newDefinitionList(s streams) *cobra.Command {
	var at local
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List those that were in force, oldest first; the last one is",
		Long:    "Lists the definitions that were in force, oldest first: number, since when, version, and where it is from. The last one is in force.",
		Example: "  syncline definition list\n  syncline definition list --dir data",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := at.definitions(cmd.Context())
			if err != nil {
				return err
			}
			table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
			for _, r := range all {
				fmt.Fprintf(table, "%d\t%s\t%s\t%s\n", r.Number, r.Time.UTC().Format(time.RFC3339), r.Version, fromWhere(&r))
			}
			return table.Flush()
		},
	}
	at.register(cmd.Flags())
	return cmd
}

// fromWhere says how a definition came into force.
func fromWhere(r *history.Record) string {
	text := r.Source
	if text == "" {
		text = "(no file)"
	}
	if r.Restored != 0 {
		text += fmt.Sprintf(", restored from %d", r.Restored)
	}
	if r.DespiteTests {
		text += ", despite its tests"
	}
	return text
}

func newDefinitionShow(s streams) *cobra.Command {
	var at local
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show N",
		Short: "Print one, as JSON that a server takes",
		Long: `Prints the definition with a number. On stdout is what it says, as JSON that syncline serve --definition takes, without
the mutators of a TypeScript file; on stderr, when it came into force, and where in the order of each space that was active then. With
--json the whole record is printed, script included.`,
		Example: "  syncline definition show 3 > app.json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := at.numbered(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(s.out, r)
			}
			fmt.Fprintf(s.err, "%d, since %s, %s: %s\n%s", r.Number, r.Time.UTC().Format(time.RFC3339), r.Version, fromWhere(r), switchesText(r.Switches, r.More))
			return printJSON(s.out, r.Definition)
		},
	}
	at.register(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "print all that is kept of it")
	return cmd
}

func newDefinitionDiff(s streams) *cobra.Command {
	var at local
	cmd := &cobra.Command{
		Use:     "diff N [M]",
		Short:   "Say what differs between one and another, or the one in force",
		Example: "  syncline definition diff 3\n  syncline definition diff 2 3 --dir data",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if len(args) == 1 {
				all, err := at.definitions(ctx)
				if err != nil {
					return err
				}
				if len(all) == 0 {
					return usage("no definition has been in force yet")
				}
				args = append(args, strconv.Itoa(all[len(all)-1].Number))
			}
			var records [2]*history.Record
			var said [2]*definition.Definition
			for i, arg := range args {
				var err error
				if records[i], err = at.numbered(ctx, arg); err != nil {
					return err
				}
				if said[i], err = records[i].Said(); err != nil {
					return fmt.Errorf("the definition %s: %w", arg, err)
				}
			}
			changes, err := definition.Changes(said[0], said[1])
			if err != nil {
				return err
			}
			if records[0].Script != records[1].Script {
				changes = append(changes, "changed the script of the mutators")
			}
			for _, change := range changes {
				fmt.Fprintln(s.out, change)
			}
			if len(changes) == 0 {
				fmt.Fprintln(s.out, "they say the same")
			}
			return nil
		},
	}
	at.register(cmd.Flags())
	return cmd
}

// definitions lists the history of a running server, or of a stopped one, without what they say.
func (l *local) definitions(ctx context.Context) (all []history.Record, err error) {
	if l.dir == "" {
		err = l.get(ctx, "/definitions", nil, &all)
		return all, err
	}
	err = l.history(func(h *history.History) error {
		all, err = h.All(ctx)
		return err
	})
	return all, err
}

// numbered is one of them, with what it says.
func (l *local) numbered(ctx context.Context, arg string) (r *history.Record, err error) {
	n, err := number(arg)
	if err != nil {
		return nil, err
	}
	if l.dir == "" {
		err = l.get(ctx, fmt.Sprintf("/definitions/%d", n), nil, &r)
		return r, err
	}
	err = l.history(func(h *history.History) error {
		r, err = h.Get(ctx, n)
		return err
	})
	return r, err
}

// number reads that of a definition.
func number(arg string) (int, error) {
	n, err := strconv.Atoi(arg)
	if err != nil || n < 1 {
		return 0, usage("%.32q: want the number of a definition, as syncline definition list prints it", arg)
	}
	return n, nil
}

// history opens that of a stopped server.
func (l *local) history(do func(*history.History) error) error {
	return l.withStopped(func(st store.Store) error { return do(history.New(st, nil)) })
}
