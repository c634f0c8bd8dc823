package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/authz/explain"
	"github.com/syncline/syncline/store/pebblestore"
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
				app, err := readApp(file)
				if err != nil {
					return usage("%w", err)
				}
				if policies[i], err = authz.Compile(app.definition); err != nil {
					return usage("%s: %w", file, app.locate(err))
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
			if _, err := os.Stat(dir); err != nil { // opening would make it
				return usage("%w", err)
			}
			st, err := pebblestore.Open(dir, pebblestore.Options{})
			if err != nil {
				return usage("%w; does a server have it open?", err)
			}
			shifts, cut, err := explain.Compare(cmd.Context(), st, policies[0], policies[1], who, maxCompared)
			if e := st.Close(); err == nil {
				err = e
			}
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
