package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/authz/explain"
	"github.com/syncline/syncline/internal/admin"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
)

func newExplain(s streams) *cobra.Command {
	var from local
	var file, as, write, argument string
	var at uint64
	var version uint32
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "explain SPACE COLLECTION/ID",
		Short: "Say why somebody may or may not see or write an entry",
		Long: `Asks the rules about one entry (docs/RULES.md), and prints them part by part: what each looked at,
what it found, and what decided (*). A running server is asked at its admin address, about the definition in force or, with
--definition, another; of one that is stopped name the directory with --dir, and the definition. What it prints holds what the rules looked at: it is for operators.

Exit codes: 0 allowed, 1 denied, 2 it could not be asked.`,
		Example: `  syncline explain team/alpha cards/c1 --as '{"uid":"bob"}'
  syncline explain --dir data --definition app.yaml team/alpha cards/c1 --as '{"uid":"bob"}'
  syncline explain --dir data --definition app.yaml team/alpha cards/c1 --as '{"uid":"bob"}' --write patch --value '{"$set":{"done":true}}'`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if from.dir != "" {
				if err := need(cmd, "definition"); err != nil {
					return err
				}
			}
			q := explain.Question{At: space.Seq(at), Version: version, Now: time.Now()}
			var err error
			if q.Space, err = space.ParsePath(args[0]); err != nil {
				return usage("%w", err)
			}
			collection, id, _ := strings.Cut(args[1], "/")
			if q.Key, err = space.ParseKey(collection, id); err != nil {
				return usage("%s: %w", args[1], err)
			}
			if q.Write, err = attempt(write, argument); err != nil {
				return err
			}
			who, err := authz.ParsePrincipal([]byte(as))
			if err != nil {
				return usage("--as: %w", err)
			}
			answer, err := from.explain(cmd.Context(), file, as, who, &q)
			if err != nil {
				return err
			}
			if asJSON {
				if err := json.MarshalWrite(s.out, answer, json.Deterministic(true), jsontext.Multiline(true)); err != nil {
					return err
				}
				fmt.Fprintln(s.out)
			} else {
				fmt.Fprint(s.out, answer.Text())
			}
			if !answer.Allowed {
				return &exit{code: exitFailed}
			}
			return nil
		},
	}
	f := cmd.Flags()
	from.register(f)
	f.StringVar(&file, "definition", "", "file that says who may read and write what; a running server's is the one in force")
	f.StringVar(&as, "as", "{}", `who asks, as rules see them: {"uid": "bob", …claims}; {} is nobody`)
	f.StringVar(&write, "write", "", "a write to ask about: put, patch or delete; without it the question is whether they may see the entry")
	f.StringVar(&argument, "value", "", "the record of a put, or the update operators of a patch")
	f.Uint64Var(&at, "at", 0, "as of which commit; 0 is the last")
	f.Uint32Var(&version, "version", 0, "the version of the collection that the client speaks; 0 is the present one")
	f.BoolVar(&asJSON, "json", false, "print the answer as JSON")
	return cmd
}

// attempt makes an operation of --write and --value, nil without them.
func attempt(write, argument string) (*space.Op, error) {
	op := &space.Op{Op: write}
	switch {
	case write == "" && argument == "":
		return nil, nil
	case write == space.OpPut && argument != "":
		op.Value = jsontext.Value(argument)
	case write == space.OpPatch && argument != "":
		op.Patch = jsontext.Value(argument)
	case write == space.OpDelete && argument == "":
	default:
		return nil, usage("--write %q --value %q: want put or patch with a value, or delete without one", write, argument)
	}
	if argument != "" && !jsontext.Value(argument).IsValid() {
		return nil, usage("--value %q is no JSON", argument)
	}
	return op, nil
}

// explain asks the store of a stopped server, or a running one.
func (l *local) explain(ctx context.Context, file, as string, who *authz.Session, q *explain.Question) (answer *explain.Answer, err error) {
	if l.dir != "" {
		p, err := readPolicy(file)
		if err != nil {
			return nil, err
		}
		err = l.withStopped(func(st store.Store) (err error) {
			answer, err = explain.Ask(ctx, st, p, who, *q)
			return err
		})
		if err != nil {
			return nil, usage("%w", err)
		}
		return answer, nil
	}
	why := admin.Why{Space: q.Space, Collection: q.Key.Collection, ID: q.Key.ID, At: q.At, As: jsontext.Value(as), Write: q.Write}
	if file != "" {
		if why.Definition, err = encodedDefinition(file); err != nil {
			return nil, err
		}
	}
	if err := l.post(ctx, "/explain", nil, why, &answer); err != nil {
		return nil, usage("%w", err)
	}
	return answer, nil
}
