package cli

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"github.com/syncline/syncline/host/core"
	"github.com/syncline/syncline/internal/admin"
	"github.com/syncline/syncline/space"
)

func newQuarantine(s streams) *cobra.Command {
	var at local
	var path string
	cmd := &cobra.Command{
		Use:   "quarantine",
		Short: "Look at mutations that were set aside",
		Long: `A mutation whose mutator broke down (it panicked, did not end, wanted too much memory) twice is
set aside, so that those behind it go on. These commands ask the admin address of a running server. The newest 100 of each
space are kept.`,
	}
	at.registerAdmin(cmd.PersistentFlags())
	list := &cobra.Command{
		Use:     "list",
		Short:   "List them, oldest first in each space",
		Example: "  syncline quarantine list --space team/alpha",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := at.quarantined(cmd.Context(), path)
			if err != nil {
				return err
			}
			table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
			for _, q := range all {
				fmt.Fprintf(table, "%s\t%d\t%s\t%q\t%s\t%s\n", q.Space, q.Seq, q.Time.UTC().Format(time.RFC3339), q.User, what(&q.Mutation), q.Reason)
			}
			return table.Flush()
		},
	}
	list.Flags().StringVar(&path, "space", "", "path of a space; without it all")
	show := &cobra.Command{
		Use:   "show SPACE SEQ",
		Short: "Print one, with what it takes to run it again, as JSON",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			all, err := at.quarantined(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			for _, q := range all {
				if strconv.FormatUint(uint64(q.Seq), 10) == args[1] {
					return printJSON(s.out, q)
				}
			}
			return usage("space %s has no quarantined mutation %s", args[0], args[1])
		},
	}
	replay := &cobra.Command{
		Use:   "replay SPACE SEQ",
		Short: "Run one again and say what comes of it; nothing is committed",
		Long: `Runs a mutation again on the state that it ran on, as the user who called, with the mutators and
under the rules that the server has now, and prints its outcome and what it would change as JSON. Nothing is committed: whoever made
it has been told, and retries it.

Exit codes: 0 it would be applied or rejected, 1 it breaks down still.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			var again admin.Replayed
			query := url.Values{"space": {args[0]}, "seq": {args[1]}}
			if err := at.post(cmd.Context(), "/quarantine/replay", query, nil, &again); err != nil {
				return err
			}
			if err := printJSON(s.out, again); err != nil {
				return err
			}
			if again.Outcome == string(space.Quarantined) {
				return &exit{exitFailed, fmt.Errorf("it breaks down still: %s", again.Code)}
			}
			return nil
		},
	}
	cmd.AddCommand(list, show, replay)
	return cmd
}

// what names a mutation in a few letters.
func what(m *space.Mutation) string {
	if m.Call != "" {
		return m.Call
	}
	return fmt.Sprintf("%d operations", len(m.Ops))
}

func printJSON(w io.Writer, v any) error {
	text, err := json.Marshal(v, json.Deterministic(true), jsontext.WithIndent("  "), jsontext.AllowDuplicateNames(true))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", text)
	return err
}

func (l *local) quarantined(ctx context.Context, path string) (all []core.Quarantined, err error) {
	err = l.get(ctx, "/quarantine", url.Values{"space": {path}}, &all)
	return all, err
}
