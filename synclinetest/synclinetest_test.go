package synclinetest_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/synclinetest"
)

const app = `
spaces:
  team/{team}:
    open: "true"
    collections:
      cards: {read: doc.owner == auth.uid}
tests:
  - name: own
    space: team/a
    entries: {cards/c: {owner: ada}}
    cases: [{as: {uid: ada}, sees: [cards/c]}]
`

func parse(t *testing.T) *definition.Definition {
	d, err := definition.Parse([]byte(app))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// others is what the definition's own test does not say.
func others(sees ...definition.Seen) definition.Test {
	return definition.Test{
		Name: "others", Space: "team/a", Entries: parsed,
		Cases: []definition.Case{{As: []byte(`{"uid":"bob"}`), Sees: &sees}},
	}
}

var parsed = map[string]jsontext.Value{"cards/c": jsontext.Value(`{"owner":"ada"}`)}

func TestRules(t *testing.T) {
	synclinetest.Rules(t, parse(t), others([]definition.Seen{}...))
	synclinetest.Noticed(t, parse(t), others([]definition.Seen{}...))
}

// TestFailures: what is wrong fails the right subtest, and says why. It is run in a process of its own.
func TestFailures(t *testing.T) {
	switch os.Getenv("SYNCLINETEST") {
	case "wrong":
		synclinetest.Rules(t, parse(t), others(definition.Seen{Entry: "cards/c"}))
		return
	case "unnoticed":
		synclinetest.Noticed(t, parse(t))
		return
	}
	for mode, want := range map[string]string{
		"wrong":     "--- FAIL: TestFailures/others|should see cards/c, and does not",
		"unnoticed": "no test notices if doc.owner == auth.uid is replaced by true",
	} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestFailures$", "-test.v")
		cmd.Env = append(os.Environ(), "SYNCLINETEST="+mode)
		out, err := cmd.CombinedOutput()
		if err == nil {
			t.Errorf("%s passes:\n%s", mode, out)
		}
		for _, text := range strings.Split(want, "|") {
			if !strings.Contains(string(out), text) {
				t.Errorf("%s does not say %q:\n%s", mode, text, out)
			}
		}
		if strings.Contains(string(out), "--- FAIL: TestFailures/own") {
			t.Errorf("%s fails what is right:\n%s", mode, out)
		}
	}
}
