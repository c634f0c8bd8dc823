package ruletest_test

import (
	"strings"
	"testing"

	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/host/ruletest"
)

const revocation = `
spaces:
  team/{team}:
    open: member(space.team) || auth.admin == true
    relations:
      member: {in: members, subject: user, object: team}
      on: {in: members, subject: user, object: project}
    collections:
      members:
        read: doc.user == auth.uid
        write: auth.admin == true
      cards:
        read: doc.owner == auth.uid || on(doc.project)
        update: on(doc.project)
tests:
  - name: moves
    space: team/alpha
    entries:
      members/ada: {user: ada, team: alpha, project: y}
      members/bob: {user: bob, team: alpha, project: x}
      cards/x1: {owner: ada, project: x}
      cards/y1: {owner: ada, project: y}
      cards/b1: {owner: bob, project: z}
    cases:
      - {as: {uid: bob}, sees: [members/bob, cards/x1, cards/b1]}
    steps:
      - as: {uid: root, admin: true}
        writes: [{put: members/bob2, value: {user: bob, team: alpha, project: y}}]
        cases:
          - {as: {uid: bob}, gains: [cards/y1, members/bob2], loses: [], sees: [members/bob, members/bob2, cards/x1, cards/y1, cards/b1]}
          - {as: {uid: ada}, gains: [], loses: []}
      - writes: [{delete: members/bob2}, {patch: cards/x1, value: {$set: {project: y}}}]
        cases:
          - {as: {uid: bob}, gains: [], loses: [cards/x1, cards/y1, members/bob2], mayNot: [{patch: cards/x1, value: {$set: {n: 1}}}]}
      - writes: [{delete: members/bob}]
        cases:
          - {as: {uid: bob}, sees: [], gains: [], loses: [cards/b1, members/bob]}
`

// TestSteps: the scene of revocations passes; what is expected otherwise is noticed, and so are rules that say otherwise.
func TestSteps(t *testing.T) {
	check := func(text string) error {
		d, err := definition.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		_, err = ruletest.Run(t.Context(), d, nil)
		return err
	}
	if err := check(revocation); err != nil {
		t.Fatal(err)
	}
	for _, c := range [][3]string{
		{`gains: [cards/y1, members/bob2]`, `gains: [cards/y1]`, "step 1, case 1, as bob: their device gains [cards/y1 members/bob2], and should [cards/y1]"},
		{`loses: [cards/b1, members/bob]`, `loses: []`, "step 3, case 1, as bob: their device loses [cards/b1 members/bob], and should []"},
		{`{as: {uid: ada}, gains: [], loses: []}`, `{as: {uid: ada}, gains: [cards/x1], loses: []}`, "as ada: their device gains [], and should [cards/x1]"},
		{`doc.owner == auth.uid || on(doc.project)`, `doc.owner == auth.uid || member(doc.project)`, "as bob: should see cards/x1, and does not: collections.cards.read is false, for doc.owner == auth.uid is false"},
		{`uid: root, admin: true`, `uid: root, admin: false`, `step 1: root may not do this: forbidden at "": the rules do not allow this: they may not open the space`},
		{`mayNot: [{patch: cards/x1`, `may: [{patch: cards/x1`, "they may not see the entry"},
		{`- {as: {uid: bob}, sees: [members/bob, cards/x1, cards/b1]}`, `- {as: {uid: bob}, loses: []}`, "loses and gains are of a step"},
		{`sees: [], gains: [], loses: [cards/b1, members/bob]`, `sees: [members/bob]`, "members/bob, which is no longer there"},
		{`[{delete: members/bob}]`, `[]`, "a step has writes"},
	} {
		if !strings.Contains(revocation, c[0]) {
			t.Errorf("no %s", c[0])
		}
		if err := check(strings.Replace(revocation, c[0], c[1], 1)); err == nil || !strings.Contains(err.Error(), c[2]) {
			t.Errorf("%s instead of %s: %v; want %q", c[1], c[0], err, c[2])
		}
	}
}

// TestConstraints: a write is tried by itself, and steps bring along what the constraints do.
func TestConstraints(t *testing.T) {
	d, err := definition.Parse([]byte(`
spaces:
  a:
    open: "true"
    collections:
      projects: {read: "true", write: "true"}
      cards:
        read: "true"
        write: "true"
        references: [{path: project, to: projects, onDelete: cascade}]
        unique: [[slug]]
        quota: {entries: 2}
tests:
  - space: a
    entries:
      projects/p: {}
      cards/a: {project: p, slug: s}
    cases:
      - as: {uid: ada}
        may: [{put: cards/b, value: {slug: t}}, {put: cards/c, value: {slug: t}}, {delete: projects/p}, {put: cards/d, value: {project: p}}]
        mayNot: [{put: cards/b, value: {slug: s}, code: unique}, {put: cards/b, value: {project: q}, code: reference}]
    steps:
      - as: {uid: ada}
        writes: [{delete: projects/p}]
        cases:
          - as: {uid: bob}
            sees: []
            loses: [projects/p, cards/a]
            gains: []
            may: [{put: cards/b, value: {slug: s}}]
            mayNot: [{put: cards/b, value: {project: p}, code: reference}]
`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ruletest.Run(t.Context(), d, nil); err != nil {
		t.Error(err)
	}
	d.Tests[0].Cases[0].MayNot, d.Tests[0].Steps = nil, nil
	d.Tests[0].Cases[0].May = []definition.Write{{Put: "cards/b", Value: []byte(`{"slug":"s"}`)}}
	if _, err := ruletest.Run(t.Context(), d, nil); err == nil || !strings.Contains(err.Error(), "unique at slug: another entry has the same slug") {
		t.Errorf("a refusal that is not expected says: %v", err)
	}
}
