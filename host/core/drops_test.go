package core_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/host/core"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store/memstore"
	"github.com/syncline/syncline/wire"
)

// tape keeps what a session is sent.
type tape struct{ heard []string }

func (e *tape) Send(frame []byte) { e.heard = append(e.heard, string(frame)) }
func (e *tape) Offer(frame []byte) bool {
	e.Send(frame)
	return true
}

// office is a space with projects, for one user whose rights come and go.
type office struct {
	*testing.T
	space *core.Space
	store *memstore.Store
	rules *authz.Rules
}

func openOffice(t *testing.T, read string) *office {
	text := fmt.Sprintf(`{"spaces":{"team/{t}":{"open":"true",
		"relations":{"member":{"in":"members","subject":"user","object":"project"}},
		"collections":{"cards":{"read":%q,"write":"true"},"members":{"read":"true","write":"true"}}}}}`, read)
	d, err := definition.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	policy, err := authz.Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	o := &office{T: t, store: memstore.New(), rules: policy.Rules("team/a")}
	o.space, err = core.Load(t.Context(), core.Config{Path: "team/a", Store: o.store, Limits: wire.DefaultLimits, Rules: o.rules, Lagging: func(*core.Member) {}})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *office) who(user string) *authz.Session {
	one, err := authz.NewSession(authz.Principal{User: user})
	if err != nil {
		o.Fatal(err)
	}
	return one
}

func (o *office) put(in, id, record string) {
	o.write([]space.Op{{Op: space.OpPut, In: in, ID: id, Value: []byte(record)}})
}

func (o *office) write(ops []space.Op) {
	o.space.Do(&core.Request{Who: o.who("root"), Mutations: []space.Mutation{{Ops: ops}}, Done: func(out []space.Outcome, _ space.Cursor, err error) {
		if err != nil || out[0].Kind != space.Applied {
			o.Fatalf("%s: %+v, %v", ops[0].ID, out, err)
		}
	}})
	turn := o.space.Begin(o.Context(), time.UnixMilli(1764109771123))
	batches, err := turn.Batches("team/a")
	if err == nil {
		err = o.store.Append(o.Context(), batches...)
	}
	if err := o.space.Finish(o.Context(), turn, err); err != nil {
		o.Fatal(err)
	}
}

// fill puts n cards of a project.
func (o *office) fill(prefix, record string, n int) {
	for at := 0; at < n; at += 1000 {
		var ops []space.Op
		for i := at; i < min(n, at+1000); i++ {
			ops = append(ops, space.Op{Op: space.OpPut, In: "cards", ID: fmt.Sprintf("%s%06d", prefix, i), Value: []byte(record)})
		}
		o.write(ops)
	}
}

// open makes a user a member, from a cursor if there is one, and returns what it is sent.
func (o *office) open(user, cursor string, drops bool) (*core.Member, *tape) {
	out := &tape{}
	m := &core.Member{Sink: out, Who: o.who(user), Name: user}
	req := &wire.Open{Space: "team/a", View: space.View{{In: "cards"}, {In: "members"}}, Cursor: cursor, Drops: drops}
	if cursor != "" {
		req.Scope = m.Who.In(o.rules).Name()
	}
	if err := o.space.Open(o.Context(), m, req); err != nil {
		o.Fatal(err)
	}
	return m, o.catchUp(m, out)
}

func (o *office) catchUp(m *core.Member, out *tape) *tape {
	for c := m.CatchUp(); c != nil; c = m.CatchUp() {
		for frame, err := range c.Frames(o.Context()) {
			if err != nil {
				o.Fatal(err)
			}
			out.heard = append(out.heard, string(frame))
		}
		if !o.space.Attach(m, c) {
			o.Fatal("not live")
		}
	}
	return out
}

// diffs are the diffs among frames from one on.
func diffs(t *testing.T, out *tape, from int) (all []*wire.Diff, bytes int) {
	for _, frame := range out.heard[from:] {
		m, err := wire.DecodeServer([]byte(frame))
		if err != nil {
			t.Fatal(err)
		}
		if d, ok := m.(*wire.Diff); ok {
			all = append(all, d)
			bytes += len(frame)
		}
	}
	return all, bytes
}

// TestRevokedKeyIsOneMessage: whoever loses a key that covers 100,000 entries is
// told so in one message of less than 1 KiB, be they connected or not; clients that
// do not understand that get the deletions.
func TestRevokedKeyIsOneMessage(t *testing.T) {
	const n = 100_000
	o := openOffice(t, "member(doc.project) || doc.owner == auth.uid")
	o.fill("a", `{"project":"p1","owner":"o"}`, n)
	o.fill("b", `{"project":"p2","owner":"o"}`, 100)
	o.put("cards", "mine", `{"project":"p1","owner":"ada"}`)
	o.put("members", "m1", `{"user":"ada","project":"p1"}`)
	o.put("members", "m2", `{"user":"ada","project":"p2"}`)
	live, heard := o.open("ada", "", true)
	old, heardOld := o.open("ada", "", false)
	cursor := o.space.Head().String()
	before, beforeOld := len(heard.heard), len(heardOld.heard)
	o.write([]space.Op{{Op: space.OpDelete, In: "members", ID: "m1"}})

	began := time.Now()
	o.catchUp(live, heard)
	took := time.Since(began)
	_, away := o.open("ada", cursor, true)
	began = time.Now()
	o.catchUp(old, heardOld)
	tookOld := time.Since(began)

	for name, at := range map[string]struct {
		out  *tape
		from int
	}{"live": {heard, before}, "away": {away, 0}} {
		all, bytes := diffs(t, at.out, at.from)
		if len(all) != 1 || bytes >= 1024 {
			t.Fatalf("%s: %d messages of %d bytes", name, len(all), bytes)
		}
		d := all[0]
		if len(d.Drop) != 1 || string(d.Drop[0].Where) != `{"project":"p1"}` || len(d.Put) != 1 || d.Put[0].Key.ID != "mine" || len(d.Del) != 1 || d.Del[0][1] != "m1" {
			t.Errorf("%s: %s", name, wire.Encode(d))
		}
	}
	all, bytes := diffs(t, heardOld, beforeOld)
	dels := 0
	for _, d := range all {
		dels += len(d.Del)
		if len(d.Drop) > 0 {
			t.Errorf("a drop for a client that does not understand it")
		}
	}
	if dels != n+1 {
		t.Errorf("%d deletions", dels)
	}
	one, oneBytes := diffs(t, heard, before)
	t.Logf("by drop: %d message, %d bytes, %v; by deletions: %d messages, %d bytes, %v", len(one), oneBytes, took, len(all), bytes, tookOld)
}

// TestDropsArePicked: what is dropped by selector, and what is not because too much
// of it stays.
func TestDropsArePicked(t *testing.T) {
	for _, c := range []struct {
		name, read string
		fill       func(o *office)
		drop       string
		puts, dels int
	}{
		{"a list", "member('x') && false || auth.uid in doc.readers || member(doc.project)", func(o *office) {
			o.fill("a", `{"project":"p.1 \"$","readers":["bo"]}`, 300)
		}, `[{"in":"cards","where":{"project":"p.1 \"$"}}]`, 0, 1},
		{"all of a collection", "member('p.1 \\\"$') == true", func(o *office) {
			o.fill("a", `{"project":7}`, 300)
		}, `[{"in":"cards"}]`, 0, 1},
		{"some stay", "member(doc.project) || doc.open == true", func(o *office) {
			o.fill("a", `{"project":"p.1 \"$"}`, 300)
			o.fill("b", `{"project":"p.1 \"$","open":true}`, 60)
		}, `[{"in":"cards","where":{"project":"p.1 \"$"}}]`, 60, 1},
		{"too many stay", "member(doc.project) || doc.open == true", func(o *office) {
			o.fill("a", `{"project":"p.1 \"$"}`, 300)
			o.fill("b", `{"project":"p.1 \"$","open":true}`, 65)
		}, `[]`, 0, 301},
		{"a few", "member(doc.project)", func(o *office) {
			o.put("members", "m2", `{"user":"ada","project":"z"}`)
			o.fill("a", `{"project":"p.1 \"$"}`, 1)
		}, `[]`, 0, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := openOffice(t, strings.ReplaceAll(c.read, `\\`, `\`))
			c.fill(o)
			o.put("members", "m1", `{"user":"ada","project":"p.1 \"$"}`)
			m, out := o.open("ada", "", true)
			from := len(out.heard)
			o.write([]space.Op{{Op: space.OpDelete, In: "members", ID: "m1"}})
			o.catchUp(m, out)
			all, _ := diffs(t, out, from)
			puts, dels, drop := 0, 0, []string{}
			for _, d := range all {
				puts, dels = puts+len(d.Put), dels+len(d.Del)
				for _, part := range d.Drop {
					where := ""
					if part.Where != nil {
						where = `,"where":` + string(part.Where)
					}
					drop = append(drop, fmt.Sprintf(`{"in":%q%s}`, part.In, where))
				}
			}
			if got := "[" + strings.Join(drop, ",") + "]"; got != c.drop || puts != c.puts || dels != c.dels {
				t.Errorf("drop %s, %d puts, %d dels; want %s, %d, %d", got, puts, dels, c.drop, c.puts, c.dels)
			}
		})
	}
}
