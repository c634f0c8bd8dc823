package ruletest_test

import (
	"strings"
	"testing"

	"github.com/syncline/syncline/host/ruletest"
)

const masked = `
spaces:
  team/{team}:
    open: auth.uid != ""
    relations:
      lead: {in: members, subject: user, object: team, where: {role: lead}}
    collections:
      members: {read: doc.user == auth.uid}
      people:
        read: "true"
        update: lead(space.team)
        fields:
          pay: {read: doc.user == auth.uid || lead(space.team), write: lead(space.team)}
          home.street: {read: doc.user == auth.uid}
          home.code: {read: doc.user == auth.uid}
tests:
  - name: masks
    space: team/a
    entries:
      members/m: {user: ada, team: a, role: guest}
      people/bob: {user: bob, pay: 7, home: {street: Mill Lane, code: 9, city: Ely}, tags: {}}
      people/cy: {user: cy, home: {code: 8}}
    cases:
      - as: {uid: bob}
        sees: [people/bob: [user, pay, home, tags], people/cy: [user]]
      - as: {uid: ada}
        sees: [members/m, people/bob: [user, home.city, tags], people/cy: {user: cy, home: {}}]
      - as: {uid: cy}
        sees: [people/bob, people/cy: [home, user]]
    steps:
      - writes: [{patch: members/m, value: {$set: {role: lead}}}]
        cases:
          - as: {uid: ada}
            gains: []
            sees: [members/m, people/bob: [user, home.city, tags, pay], people/cy]
          - as: {uid: bob}
            sees: [people/bob: {user: bob, pay: 7, home: {street: Mill Lane, code: 9, city: Ely}, tags: {}}, people/cy]
      - as: {uid: ada}
        writes: [{patch: people/bob, value: {$set: {pay: 8}}}]
        cases:
          - {as: {uid: ada}, sees: [members/m, people/bob: {user: bob, pay: 8, home: {city: Ely}, tags: {}}, people/cy]}
      - writes: [{patch: members/m, value: {$set: {role: guest}}}]
        cases:
          - {as: {uid: ada}, loses: [], sees: [members/m, people/bob: [user, home.city, tags], people/cy: [user]]}
`

// TestSeen: what of entries is seen is as the test says; what is expected otherwise is noticed, and so are rules that say otherwise.
func TestSeen(t *testing.T) {
	check := func(text string) error {
		_, err := ruletest.Run(t.Context(), parse(t, text), nil)
		return err
	}
	if err := check(masked); err != nil {
		t.Fatal(err)
	}
	for _, c := range [][3]string{
		{`people/bob: [user, pay, home, tags]`, `people/bob: [user, home, tags]`, "case 1, as bob: sees pay of people/bob, and should not: collections.people.fields.pay.read is true, for doc.user == auth.uid is true"},
		{`people/bob: [user, pay, home, tags]`, `people/bob: [user, pay, home]`, "case 1, as bob: sees tags of people/bob, and should not: no field rule is about it"},
		{`people/bob: [user, pay, home, tags]`, `people/bob: [user, pay, home.city, tags]`, "case 1, as bob: sees home.code of people/bob, and should not: collections.people.fields.home.code.read is true"},
		{`people/bob: [user, pay, home, tags]`, `people/bob: []`, "case 1, as bob: sees user of people/bob, and should not"},
		{`people/bob: [user, home.city, tags]`, `people/bob: [user, home, tags]`, "case 2, as ada: should see home of people/bob, and sees only a part of it: collections.people.fields.home.code.read is false"},
		{`people/bob: [user, home.city, tags]`, `people/bob: [user, home.city, tags, pay]`, "case 2, as ada: should see pay of people/bob, and does not: collections.people.fields.pay.read is false, for doc.user == auth.uid is false"},
		{`people/bob: [user, home.city, tags]`, `people/bob: [user, home.city, tags, age]`, "case 2, as ada: should see age of people/bob, which has no such field"},
		{`people/cy: {user: cy, home: {}}`, `people/cy: {user: cy}`, `case 2, as ada: sees people/cy as {"home":{},"user":"cy"}, and should see it as {"user":"cy"}: collections.people.fields.home.code.read is false`},
		{`people/cy: {user: cy, home: {}}`, `people/cy: {user: cy, home: {}, pay: null}`, `and should see it as {"home":{},"pay":null,"user":"cy"}`},
		{`people/cy: [home, user]`, `people/cz: [home, user]`, "case 3, as cy: sees people/cz, which is no entry of the test"},
		{`loses: [], sees: [members/m, people/bob: [user, home.city, tags]`, `sees: [members/m, people/bob: [user, home.city, tags, pay]`, "step 3, case 1, as ada: should see pay of people/bob, and does not"},
		{`pay: {read: doc.user == auth.uid || lead(space.team)`, `pay: {read: "true"`, "case 2, as ada: sees pay of people/bob, and should not: collections.people.fields.pay.read is true"},
		{`pay: {read: doc.user == auth.uid || lead(space.team)`, `pay: {read: doc.user == auth.uid`, "step 1, case 1, as ada: should see pay of people/bob, and does not"},
		{`write: lead(space.team)}`, `write: doc.user == auth.uid}`, "step 2: ada may not do this: forbidden at \"pay\": the rules do not allow this: they may not write this field: pay: collections.people.fields.pay.write is false, for doc.user == auth.uid is false"},
		// What is wrong with the test itself.
		{`people/cy: [home, user]`, `people/cy: [home, user], people/cy`, "case 3: sees: people/cy is listed twice"},
		{`people/cy: [home, user]`, `people/cy: [home, home.code]`, "case 3: sees: people/cy: home and home.code are the same field, or one is a part of the other"},
		{`people/cy: [home, user]`, `people/cy: [home., user]`, "case 3: sees: people/cy: bad_name at home.: an empty segment"},
		{`people/cy: {user: cy, home: {}}`, `people/cy: {__proto__: 1}`, "case 2: sees: people/cy: bad_name"},
	} {
		if !strings.Contains(masked, c[0]) {
			t.Errorf("no %s", c[0])
		}
		if err := check(strings.Replace(masked, c[0], c[1], 1)); err == nil || !strings.Contains(err.Error(), c[2]) {
			t.Errorf("%s instead of %s: %v; want %q", c[1], c[0], err, c[2])
		}
	}
}
