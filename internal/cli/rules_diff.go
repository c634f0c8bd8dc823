package cli

import (
	"context"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/authz/explain"
	"github.com/syncline/syncline/internal/admin"
	"github.com/syncline/syncline/store"
)

// maxCompared bounds how often rules diff looks at an entry, for a user, in a directory.
const maxCompared = 10_000_000

func newRulesDiff(s streams) *cobra.Command {
	var from local
	var as []string
	cmd := &cobra.Command{
		Use:   "diff [OLD] NEW",
		Short: "Say who gains and loses what by another definition",
		Long: `Compares what two definitions let somebody see: for each space, user and collection how many entries they
gain, lose, and see other fields of. Both definitions have to compile.

A running server is asked at its admin address. OLD is then the definition in force, if it is not given, and who is looked at
are those who are connected, and in each space those whom its relations name (by their user id, without claims); --as names
others besides. Of a server that is stopped name the directory with --dir, and whom to look at with --as: without one, those
whom relations name.`,
		Example: `  syncline rules diff new.yaml
  syncline rules diff app.yaml new.yaml --dir data --as '{"uid":"bob"}' --as '{"uid":"root","admin":true}'`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if from.dir != "" && len(args) < 2 {
				return usage("of a server that is stopped, OLD and NEW are both wanted; see %s --help", cmd.CommandPath())
			}
			who, err := principals(as)
			if err != nil {
				return err
			}
			compared, err := from.compare(cmd.Context(), args, as, who)
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(s.out, comparedText(compared))
			return err
		},
	}
	f := cmd.Flags()
	from.register(f)
	f.StringArrayVar(&as, "as", nil, `whom to look at, as rules see them: {"uid": "bob", …claims}; may be given several times`)
	return cmd
}

// principals reads those of --as.
func principals(as []string) (who []*authz.Session, err error) {
	for _, text := range as {
		one, err := authz.ParsePrincipal([]byte(text))
		if err != nil {
			return nil, usage("--as %s: %w", text, err)
		}
		who = append(who, one)
	}
	return who, nil
}

// raw are they as a running server takes them.
func raw(as []string) (out []jsontext.Value) {
	for _, text := range as {
		out = append(out, jsontext.Value(text))
	}
	return out
}

// compare asks the store of a stopped server, or a running one. files are the definitions.
func (l *local) compare(ctx context.Context, files, as []string, who []*authz.Session) (compared *explain.Compared, err error) {
	if l.dir == "" {
		diff := admin.Diff{As: raw(as)}
		if diff.New, err = encodedDefinition(files[len(files)-1]); err == nil && len(files) > 1 {
			diff.Old, err = encodedDefinition(files[0])
		}
		if err == nil {
			err = l.post(ctx, "/compare", nil, diff, &compared)
		}
		return compared, err
	}
	var policies [2]*authz.Policy
	for i, file := range files {
		if policies[i], err = readPolicy(file); err != nil {
			return nil, err
		}
	}
	err = l.withStopped(func(st store.Store) (err error) {
		compared, err = explain.Compare(ctx, st, &explain.Comparison{
			Old: policies[0], Next: policies[1], Who: who, Named: len(who) == 0, Looks: maxCompared,
		})
		return err
	})
	return compared, err
}
