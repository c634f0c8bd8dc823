package authz_test

import (
	"strings"
	"testing"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/space"
)

// TestCompile lists everything that is wrong, with where it stands.
func TestCompile(t *testing.T) {
	for text, wants := range map[string][]string{
		`{"spaces":{"Team":{}}}`:                 {"spaces.Team: space name"},
		`{"spaces":{"a/{x}/{x}":{}}}`:            {"used twice"},
		`{"spaces":{"a/{path}":{}}}`:             {"called path"},
		`{"spaces":{"a/{x}":{},"a/{y}":{}}}`:     {"spaces.a/{y}: fits the same paths as a/{x}"},
		`{"spaces":{"a":{"open":"doc.x == 1"}}}`: {"spaces.a.open: the rule of a space"},
		`{"spaces":{"a":{"open":"now > now"}}}`:  {"spaces.a.open: the rule of a space"},
		`{"spaces":{"a":{"relations":{"get":{"in":"m","subject":"u","object":"o"}}}}}`:                    {"name of something else"},
		`{"spaces":{"a":{"relations":{"r":{"in":"_m","subject":"","object":"o.$x","where":{"$no":1}}}}}}`: {"spaces.a.relations.r: collection name", "relations.r: bad_name", "$no"},
		`{"spaces":{"a":{"collections":{"_c":{},"c":{"read":"now > now","create":"1","update":"auth == 1"},"d":{"schema":{"type":"x"}}}}}}`: {
			"spaces.a.collections._c: collection name", "collections.c.read: a read rule cannot look at now", "collections.c.create: a rule yields true or false", "collections.c.update: ", "collections.d.schema: ",
		},
		`{"spaces":{"a":{"quota":{"bytesPerUser":"1MB"},"collections":{
			"c":{"type":"text","strategy":"strict","quota":{"entriesPerUser":3},"references":[{"path":"a..b","to":"x","onDelete":"drop"},{"path":"p","to":"c"},{"path":"p","to":"c"}],"unique":[["a","b"],["b","a"],[],["x","x"]]},
			"d":{"owner":"$o"},"e":{"owner":"by","references":[{"path":"by","to":"c","onDelete":"clear"}]}}}}}`: {
			`spaces.a.collections.c.type: there is no type "text" yet; there is record`, `collections.c.strategy: there is no strategy "strict"`, "collections.c.quota.entriesPerUser: this needs owner",
			"collections.c.references[0]: bad_name", `collections.c.references[0]: to: there is no collection "x"`, "collections.c.references[0]: onDelete is deny, cascade or clear", "collections.c.references[2]: another reference has the path p",
			"collections.c.unique[1]: another unique", "collections.c.unique[2]: a list of paths", "collections.c.unique[3]: the path x is there twice", "collections.d.owner: bad_name", "collections.e.references[0]: onDelete: the owner",
		},
		`{"spaces":{"a":{"quota":{"bytesPerUser":"1MB"},"collections":{"c":{}}}}}`: {"spaces.a.quota.bytesPerUser: this needs an owner"},
	} {
		d, err := definition.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		_, err = authz.Compile(d)
		for _, want := range wants {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v; want %q", text, err, want)
			}
		}
	}
}

// TestDefinitionText is refused where it could be misread.
func TestDefinitionText(t *testing.T) {
	for text, want := range map[string]string{
		`{"spaces":{"a":{"opn":"true"}}}`:           `unknown object member name "opn"`,
		`{"spaces":{"a":{"OPEN":"true"}}}`:          `unknown object member name "OPEN"`,
		`{"spaces":{"a":{"open":"a","open":"b"}}}`:  "already defined",
		"spaces:\n  a: {open: a}\n  a: {open: b}\n": "already defined",
		"spaces: [1": "neither JSON nor YAML",
		`{"spaces":{"a":{"quota":{"entries":0}}}}`:                                 "no size",
		`{"spaces":{"a":{"quota":{"bytes":"10 TB"}}}}`:                             "no size",
		`{"spaces":{"a":{"quota":{"bytes":1.5}}}}`:                                 "no size",
		`{"spaces":{"a":{"quota":{"bytes":"9999999999GiB"}}}}`:                     "no size",
		`{"spaces":{"a":{"collections":{"c":{"lease":24}}}}}`:                      "no lease",
		`{"spaces":{"a":{"collections":{"c":{"lease":"24"}}}}}`:                    "no lease",
		`{"spaces":{"a":{"collections":{"c":{"lease":"0h"}}}}}`:                    "no lease",
		`{"spaces":{"a":{"collections":{"c":{"lease":"h"}}}}}`:                     "no lease",
		`{"spaces":{"a":{"collections":{"c":{"lease":""}}}}}`:                      "no lease",
		`{"spaces":{"a":{"collections":{"c":{"lease":"1.5h"}}}}}`:                  "no lease",
		`{"spaces":{"a":{"collections":{"c":{"lease":"01h"}}}}}`:                   "no lease",
		`{"spaces":{"a":{"collections":{"c":{"lease":" 1h"}}}}}`:                   "no lease",
		`{"spaces":{"a":{"collections":{"c":{"lease":"-1h"}}}}}`:                   "no lease",
		`{"spaces":{"a":{"collections":{"c":{"lease":"1h30m"}}}}}`:                 "no lease",
		`{"spaces":{"a":{"collections":{"c":{"lease":"367d"}}}}}`:                  "no lease",
		`{"spaces":{"a":{"collections":{"c":{"lease":"99999999999999999999s"}}}}}`: "no lease",
		`{"spaces":{"a":{"collections":{"c":{"lease":"100ms"}}}}}`:                 "no lease",
		`{"spaces":{"a":{"collections":{"c":{"lease":null}}}}}`:                    "no lease",
		"just text":                       "neither a JSON object",
		strings.Repeat(" ", 1<<20) + "{}": "the limit is",
	} {
		if _, err := definition.Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.50q: %v; want %q", text, err, want)
		}
	}
}

// TestKinds: the more special pattern counts; what no pattern fits is denied; nothing is allowed that is not said.
func TestKinds(t *testing.T) {
	p := policy(t, `{"spaces":{
		"team/{t}":{"open":"true","collections":{"c":{"read":"space.t == 'a'"}}},
		"team/secret":{"open":"false","collections":{"c":{"read":"true"}}},
		"{any}/{t}":{"open":"auth.uid == 'root'","collections":{"c":{"read":"true","write":"true"}}},
		"shut":{"collections":{"c":{"read":"true"}}}}}`)
	for path, want := range map[space.Path]string{
		"team/a": "open read", "team/b": "open", "team/secret": "", "user/a": "root", "shut": "", "team": "", "team/a/b": "", "other/x": "root",
	} {
		for _, user := range []string{"ada", "root"} {
			who, err := authz.NewSession(authz.Principal{User: user})
			if err != nil {
				t.Fatal(err)
			}
			s := who.In(p.Rules(path)).Scope([]string{"c", "other"}, nil)
			open, read := strings.Contains(want, "open"), strings.Contains(want, "read")
			if want == "root" {
				open, read = user == "root", user == "root"
			}
			if s.Open() != open || sees(s, "c") != read || sees(s, "other") || s.Everything() {
				t.Errorf("%s, as %s: open %v, reads %v; want %q", path, user, s.Open(), sees(s, "c"), want)
			}
		}
	}
}

// TestName of rights: another one as soon as something that is looked at is another; the rest of a token changes nothing.
func TestName(t *testing.T) {
	p := policy(t, `{"spaces":{"a":{"open":"auth.role == 'x'","collections":{"c":{"read":"doc.n in auth.list","write":"auth.never == 1"}}}}}`)
	q := policy(t, `{"spaces":{"a":{"open":"auth.role == 'y'"}}}`)
	name := func(p *authz.Policy, user string, claims map[string]any) string {
		who, err := authz.NewSession(authz.Principal{User: user, Claims: claims})
		if err != nil {
			t.Fatal(err)
		}
		return who.In(p.Rules("a")).Name()
	}
	base := name(p, "ada", map[string]any{"role": "x", "list": []any{1.0}, "exp": 1.0, "never": 1.0})
	if same := name(p, "ada", map[string]any{"role": "x", "list": []any{1.0}, "exp": 2.0, "jti": "z", "uid": "eve"}); same != base {
		t.Error("what no rule of reading looks at changes the name")
	}
	for what, other := range map[string]string{
		"user": name(p, "bob", map[string]any{"role": "x", "list": []any{1.0}}), "claim": name(p, "ada", map[string]any{"role": "y", "list": []any{1.0}}),
		"list": name(p, "ada", map[string]any{"role": "x", "list": []any{2.0}}), "rules": name(q, "ada", map[string]any{"role": "x", "list": []any{1.0}}),
	} {
		if other == base || other == "" {
			t.Errorf("another %s, the same name", what)
		}
	}
	who, err := authz.Development{}.Identify(t.Context(), authz.Credentials{User: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	if got := who.In(authz.Development{}.Rules("a")).Name(); got != "" {
		t.Errorf("without rules: %q", got)
	}
}
