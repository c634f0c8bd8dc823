package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/authz/explain"
	"github.com/syncline/syncline/store"
)

// maxCompared bounds the entries that rules diff looks at.
const maxCompared = 10_000_000

func newRulesDiff(s streams) *cobra.Command {
	var dir string
	var as []string
	cmd := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Say who gains and loses what by another definition",
		Long: `Compares what two definitions let somebody see of a data directory that no server has open: for
each space, user and collection how many entries they gain, lose, and see other fields of. Both
definitions have to compile.`,
		Example: `  syncline rules diff app.yaml new.yaml --dir data --as '{"uid":"bob"}' --as '{"uid":"root","admin":true}'`,
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := need(cmd, "dir", "as"); err != nil {
				return err
			}
			var policies [2]*authz.Policy
			for i, file := range args {
				var err error
				if policies[i], err = readPolicy(file); err != nil {
					return err
				}
			}
			var who []*authz.Session
			for _, text := range as {
				one, err := parsePrincipal(text)
				if err != nil {
					return usage("--as %s: %w", text, err)
				}
				who = append(who, one)
			}
			var shifts []explain.Shift
			var cut bool
			err := withStopped(dir, "does a server have it open?", func(st store.Store) (err error) {
				shifts, cut, err = explain.Compare(cmd.Context(), st, policies[0], policies[1], who, maxCompared)
				return err
			})
			if err != nil {
				return err
			}
			for _, shift := range shifts {
				user := shift.User
				if user == "" {
					user = "nobody"
				}
				fmt.Fprintf(s.out, "%s  %s  %s: gains %d, loses %d, sees other fields of %d\n", shift.Space, user, shift.Collection, shift.Gains, shift.Loses, shift.Otherwise)
			}
			if len(shifts) == 0 {
				fmt.Fprintln(s.out, "nobody of them gains or loses anything")
			}
			if cut {
				fmt.Fprintf(s.err, "only the first %d entries were looked at\n", maxCompared)
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&dir, "dir", "", "directory that holds the data")
	f.StringArrayVar(&as, "as", nil, `whom to look at, as rules see them: {"uid": "bob", …claims}; may be given several times`)
	return cmd
}
