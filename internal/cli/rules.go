package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"

	"github.com/syncline/syncline/authz/token"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/host/ruletest"
)

// readDefinition reads and parses a definition's file.
func readDefinition(path string) (*definition.Definition, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the definition: %w", err)
	}
	return definition.ParseFile(path, text)
}

// tokensFile is a token.Config as it is in a file: secrets are in files of their own.
type tokensFile struct {
	Leeway  string `json:"leeway,omitzero"`
	Issuers []struct {
		token.Issuer `json:",inline"`
		SecretFile   string `json:"secretFile,omitzero"`
	} `json:"issuers"`
}

// readTokens reads which tokens are believed. No secret is in what it returns as an error.
func readTokens(path string) (*token.Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the tokens: %w", err)
	}
	var file tokensFile
	if err := json.Unmarshal(text, &file, json.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf("the tokens %s: %w", path, err)
	}
	var c token.Config
	if file.Leeway != "" {
		if c.Leeway, err = time.ParseDuration(file.Leeway); err != nil {
			return nil, fmt.Errorf("the tokens %s: leeway: %w", path, err)
		}
	}
	for _, i := range file.Issuers {
		if i.SecretFile != "" {
			secret, err := os.ReadFile(i.SecretFile)
			if err != nil {
				return nil, fmt.Errorf("the tokens %s: the secret of %s: %w", path, i.Name, err)
			}
			i.Secret = strings.TrimRight(string(secret), "\r\n")
		}
		c.Issuers = append(c.Issuers, i.Issuer)
	}
	return &c, nil
}

// atHangups does something at each SIGHUP, until ctx ends.
func atHangups(ctx context.Context, do func()) {
	again := make(chan os.Signal, 1)
	signal.Notify(again, syscall.SIGHUP)
	defer signal.Stop(again)
	for {
		select {
		case <-ctx.Done():
			return
		case <-again:
			do()
		}
	}
}

func warn(log *slog.Logger, warnings []string) {
	for _, warning := range warnings {
		log.Warn("a rule costs more than it needs to", "rule", warning)
	}
}

func newRules(s streams) *cobra.Command {
	cmd := &cobra.Command{Use: "rules", Short: "Check access rules"}
	var mutate bool
	var mutators string
	check := &cobra.Command{
		Use:     "check FILE",
		Aliases: []string{"test"},
		Short:   "Say what is wrong with a definition",
		Long: `Compiles a definition (docs/RULES.md; in TypeScript, docs/TYPESCRIPT.md), runs its tests, and says what is wrong, a line each,
with where it stands. What is merely dear is told on stderr: a read rule of which a branch
compares no field of the entry with something of who asks is evaluated for each class
of sessions on each change.

With --mutate it also tests the tests: each atom of each rule is replaced by true, by false
and by its opposite, one at a time, and what no test notices is an error, a line each, as is
an atom that no test asks both where it is true and where it is false.`,
		Example: "  syncline rules check app.yaml\n  syncline rules check app.ts",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			app, err := readBoth(args[0], mutators)
			if err != nil {
				return usage("%w", err)
			}
			p, err := ruletest.Run(cmd.Context(), app.definition, app.mutators)
			if err != nil {
				return usage("%s: %w", args[0], app.locate(err))
			}
			for _, warning := range p.Warnings() {
				fmt.Fprintln(s.err, "dear:", warning)
			}
			fmt.Fprintf(s.out, "%s compiles, its %d tests pass; its version is %s\n", args[0], len(app.definition.Tests), app.definition.Version())
			if !mutate {
				return nil
			}
			return s.noticed(cmd.Context(), args[0], app)
		},
	}
	check.Flags().BoolVar(&mutate, "mutate", false, "also change the rules, one atom at a time, and see that a test fails")
	check.Flags().StringVar(&mutators, "mutators", "", "JavaScript file with the mutators that its tests call (docs/MUTATORS.md)")
	cmd.AddCommand(check, newRulesDiff(s), newRulesSession(s))
	return cmd
}

// noticed tests the tests of a definition: each change of an atom must fail one, and each atom must have been true and false.
func (s streams) noticed(ctx context.Context, file string, app app) error {
	survivors, tried, err := ruletest.Mutate(ctx, app.definition, app.mutators)
	if err != nil {
		return usage("%s: %w", file, err)
	}
	unseen, atoms, err := ruletest.Cover(ctx, app.definition, app.mutators)
	if err != nil {
		return usage("%s: %w", file, err)
	}
	for _, survivor := range survivors {
		fmt.Fprintln(s.err, app.locate(errors.New(survivor.String())))
	}
	for _, u := range unseen {
		fmt.Fprintln(s.err, app.locate(errors.New(u.String())))
	}
	var lacks []string
	if len(survivors) > 0 {
		lacks = append(lacks, fmt.Sprintf("do not notice %d of %d changes of its rules", len(survivors), tried))
	}
	if len(unseen) > 0 {
		lacks = append(lacks, fmt.Sprintf("do not ask %d of %d atoms both where they are true and where they are false", lacking(unseen), atoms))
	}
	if len(lacks) > 0 {
		return fmt.Errorf(`%s: its tests %s: for each line above add a case, under tests, whose answer hangs on that atom, or take the atom out of the rule (docs/RULES.md, "Tests of rules")`,
			file, strings.Join(lacks, ", and "))
	}
	fmt.Fprintf(s.out, "its tests notice each of %d changes of its rules, and ask each of %d atoms where it is true and where it is false\n", tried, atoms)
	return nil
}

// lacking counts the atoms that are told of.
func lacking(unseen []ruletest.Unseen) int {
	atoms := map[ruletest.Unseen]bool{}
	for _, u := range unseen {
		atoms[ruletest.Unseen{Place: u.Place, Atom: u.Atom}] = true
	}
	return len(atoms)
}
