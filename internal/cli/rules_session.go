package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/authz/explain"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/host/ruletest"
)

// Bounds of a session.
const (
	maxSessionLine = 8 << 20 // bytes of a request
	maxScenes      = 10_000
)

// A sessionRequest asks one thing: the first of Check, New, Drop, Visible, Seen, Try, Step and Explain that is there.
type sessionRequest struct {
	Check   bool               `json:"check,omitzero"` // run the definition's own tests
	New     *sessionScene      `json:"new,omitzero"`
	Scene   int                `json:"scene,omitzero"` // which one the others are about
	Drop    bool               `json:"drop,omitzero"`
	Visible bool               `json:"visible,omitzero"`
	Seen    bool               `json:"seen,omitzero"`
	Try     *definition.Write  `json:"try,omitzero"`
	Step    []definition.Write `json:"step,omitzero"`
	Explain string             `json:"explain,omitzero"` // collection/id
	Write   *definition.Write  `json:"write,omitzero"`   // that Explain is about
	As      jsontext.Value     `json:"as,omitzero"`      // who; of a step none is the system
}

type sessionScene struct {
	Space   string                    `json:"space"`
	Entries map[string]jsontext.Value `json:"entries,omitzero"`
}

// A sessionAnswer answers one request; each has one of these.
type sessionAnswer struct {
	Ready    string            `json:"ready,omitzero"` // the definition's version: before all others
	Failures *[]string         `json:"failures,omitzero"`
	Scene    int               `json:"scene,omitzero"`
	Visible  *[]string         `json:"visible,omitzero"`
	Seen     *seenEntries      `json:"seen,omitzero"`
	Verdict  *ruletest.Verdict `json:"verdict,omitzero"`
	Answer   *explain.Answer   `json:"answer,omitzero"`
	Text     string            `json:"text,omitzero"` // of the answer, for people
	Done     bool              `json:"done,omitzero"`
	Error    string            `json:"error,omitzero"` // the request is wrong, or it cannot be answered
}

// seenEntries are records by collection/id, as somebody sees them.
type seenEntries map[string]jsontext.Value

// A session answers the requests of a test helper.
type session struct {
	ctx    context.Context
	app    app
	policy *authz.Policy
	scenes map[int]*ruletest.Scene
	made   int
}

func newRulesSession(s streams) *cobra.Command {
	var mutators string
	cmd := &cobra.Command{
		Use:   "session FILE",
		Short: "Answer questions about a definition's rules, for test helpers",
		Long: `Compiles a definition and answers requests on stdin, one JSON object a line, by one a line on stdout, in their order, until
stdin ends: @syncline/client/testing is written on it (docs/RULES.md). It uses no network and no disk beside the file.

First comes {"ready": VERSION}. Requests: {"new": {"space", "entries"}} makes a scene, answered by {"scene": N}; with "scene": N
and "as", {"visible": true}, {"seen": true}, {"try": WRITE}, {"step": [WRITE, …]}, {"explain": "collection/id", "write": WRITE}, {"drop": true};
{"check": true} runs the definition's own tests. Writes are as in those. What is wrong with a request is answered by {"error"}.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			app, err := readBoth(args[0], mutators)
			if err != nil {
				return usage("%w", err)
			}
			p, err := authz.Compile(app.definition)
			if err != nil {
				return usage("%w", app.locate(err))
			}
			return (&session{cmd.Context(), app, p, map[int]*ruletest.Scene{}, 0}).run(s)
		},
	}
	cmd.Flags().StringVar(&mutators, "mutators", "", "JavaScript file with the mutators that are called (docs/MUTATORS.md)")
	return cmd
}

func (s *session) run(of streams) error {
	out := bufio.NewWriter(of.out)
	answer := func(a *sessionAnswer) error {
		if err := json.MarshalWrite(out, a, json.Deterministic(true), jsontext.AllowInvalidUTF8(true)); err != nil {
			return err
		}
		_ = out.WriteByte('\n') // Flush says it
		return out.Flush()
	}
	if err := answer(&sessionAnswer{Ready: s.policy.Version()}); err != nil {
		return err
	}
	lines := bufio.NewScanner(of.in)
	lines.Buffer(nil, maxSessionLine)
	for lines.Scan() {
		var r sessionRequest
		err := json.Unmarshal(lines.Bytes(), &r, json.RejectUnknownMembers(true))
		var a *sessionAnswer
		if err == nil {
			a, err = s.answer(&r)
		}
		if err != nil {
			a = &sessionAnswer{Error: err.Error()}
		}
		if err := answer(a); err != nil {
			return err
		}
	}
	return lines.Err()
}

func (s *session) answer(r *sessionRequest) (*sessionAnswer, error) {
	switch {
	case r.Check:
		return s.check()
	case r.New != nil:
		if len(s.scenes) == maxScenes {
			return nil, fmt.Errorf("there are %d scenes: drop some", maxScenes)
		}
		scene, err := ruletest.NewScene(s.ctx, s.policy, s.app.mutators, r.New.Space, r.New.Entries)
		if err != nil {
			return nil, err
		}
		s.made++
		s.scenes[s.made] = scene
		return &sessionAnswer{Scene: s.made}, nil
	}
	scene := s.scenes[r.Scene]
	if scene == nil {
		return nil, fmt.Errorf("there is no scene %d", r.Scene)
	}
	switch {
	case r.Drop:
		delete(s.scenes, r.Scene)
		return &sessionAnswer{Done: true}, nil
	case r.Visible:
		names, err := scene.Visible(r.As)
		return &sessionAnswer{Visible: &names}, err
	case r.Seen:
		records, err := scene.Seen(r.As)
		return &sessionAnswer{Seen: (*seenEntries)(&records)}, err
	case r.Try != nil:
		v, err := scene.Try(r.As, *r.Try)
		return &sessionAnswer{Verdict: v}, err
	case r.Step != nil:
		v, err := scene.Step(r.As, r.Step)
		return &sessionAnswer{Verdict: v}, err
	case r.Explain != "":
		answer, err := scene.Explain(r.As, r.Explain, r.Write)
		if err != nil {
			return nil, err
		}
		return &sessionAnswer{Answer: answer, Text: answer.Text()}, nil
	}
	return nil, errors.New("it asks for nothing")
}

// check runs the definition's own tests.
func (s *session) check() (*sessionAnswer, error) {
	failures := []string{}
	_, err := ruletest.Run(s.ctx, s.app.definition, s.app.mutators)
	var failed *ruletest.Failed
	switch {
	case errors.As(err, &failed):
		for _, failure := range failed.Failures {
			failures = append(failures, strings.TrimSpace(failure))
		}
	case err != nil:
		return nil, err
	}
	return &sessionAnswer{Failures: &failures}, nil
}
