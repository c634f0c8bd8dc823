package ruletest_test

import (
	"strings"
	"testing"

	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/host/ruletest"
)

const rules = `
spaces:
  team/{team}:
    open: auth.uid != ""
    relations:
      member: {in: members, subject: user, object: project}
    collections:
      members: {read: doc.user == auth.uid}
      cards:
        read: doc.owner == auth.uid || member(doc.project)
        create: new.owner == auth.uid && now > timestamp("2025-12-31T00:00:00Z")
        update: member(doc.project) && !("owner" in changed)
        schema: {type: object, required: [title]}
        unique: [[slug]]
tests:
  - name: scene
    space: team/alpha
    entries:
      members/m: {user: bob, project: x}
      cards/a: {owner: ada, project: x, title: t}
      cards/b: {owner: ada, project: y, title: t, slug: taken}
    cases:
      - as: {uid: bob}
        sees: [members/m, cards/a]
        may:
          - {patch: cards/a, value: {$set: {title: u}}}
          - {put: cards/new, value: {owner: bob, title: t}}
        mayNot:
          - {patch: cards/a, value: {$set: {owner: bob}}}
          - {patch: cards/b, value: {$set: {title: u}}}
          - {delete: cards/a}
          - {put: cards/new, value: {owner: ada, title: t}}
          - {put: cards/new, value: {owner: bob, title: t}, at: "2025-01-01T00:00:00Z"}
          - {put: cards/new, value: {owner: bob}, code: invalid}
          - {put: cards/new, value: {owner: bob, title: t, slug: taken}, code: unique}
      - as: {uid: ada}
        sees: [cards/a, cards/b]
      - sees: []
        mayNot: [{put: cards/new, value: {owner: "", title: t}}]
`

// TestRun: the scene as it is passes; each change of a rule, or of what is expected, is noticed, with who and what.
func TestRun(t *testing.T) {
	check := func(text string) error {
		d, err := definition.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		_, err = ruletest.Run(t.Context(), d, nil)
		return err
	}
	if err := check(rules); err != nil {
		t.Fatal(err)
	}
	for _, c := range [][3]string{
		{`doc.owner == auth.uid || member(doc.project)`, `doc.owner == auth.uid`, "case 1, as bob: should see cards/a, and does not"},
		{`doc.owner == auth.uid || member(doc.project)`, `member(doc.project)`, "case 2, as ada: should see cards/a, and does not"},
		{`doc.owner == auth.uid || member(doc.project)`, `"true"`, "case 1, as bob: sees cards/b, and should not"},
		{`open: auth.uid != ""`, `open: "false"`, "may not open the space"},
		{`new.owner == auth.uid && now`, `now`, "case 1, as bob: may put cards/new, and should not"},
		{` && now > timestamp("2025-12-31T00:00:00Z")`, ``, "case 1, as bob: may put cards/new, and should not"},
		{`member(doc.project) && !("owner" in changed)`, `member(doc.project)`, "case 1, as bob: may patch cards/a, and should not"},
		{`member(doc.project) && !("owner" in changed)`, `'!("owner" in changed)'`, ""}, // who may not read may not change
		{`required: [title]`, `required: []`, "case 1, as bob: may put cards/new, and should not"},
		{`required: [title]`, `required: [title, votes]`, "may not patch cards/a, and should: invalid"},
		{`unique: [[slug]]`, `unique: [[slug, title], [other]]`, ""},
		{`unique: [[slug]]`, `unique: [[other]]`, "may put cards/new, and should not"},
		{`code: invalid`, `code: stale`, "for another reason: invalid"},
		{`sees: [members/m, cards/a]`, `sees: [members/m]`, "sees cards/a, and should not"},
		{`sees: [members/m, cards/a]`, `sees: [members/m, cards/a, cards/z]`, "cards/z, which is no entry"},
		{`- {delete: cards/a}`, `- {delete: cards/a, put: cards/a}`, "one of put, patch and delete"},
		{`{user: bob, project: x}`, `{user: bob, project: 1.5e300}`, "entries"},
	} {
		if !strings.Contains(rules, c[0]) {
			t.Errorf("no %s", c[0])
		}
		if err := check(strings.Replace(rules, c[0], c[1], 1)); (err == nil) != (c[2] == "") || err != nil && !strings.Contains(err.Error(), c[2]) {
			t.Errorf("%s instead of %s: %v; want %q", c[1], c[0], err, c[2])
		}
	}
}
