package core_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/host/core"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store/memstore"
	"github.com/syncline/syncline/wire"
)

// ear keeps what a session is sent, but for the digests of cursors: they are of
// all that was committed, under client ids that nobody else knows.
type ear struct{ heard []string }

var digest = regexp.MustCompile(`"(\d+)-[A-Za-z0-9_-]{22}"`)

func (e *ear) Send(frame []byte) {
	e.heard = append(e.heard, digest.ReplaceAllString(string(frame), `"$1"`))
}

func (e *ear) Offer(frame []byte) bool {
	e.Send(frame)
	return true
}

// world is one space with a principal, p, who must not learn what is hidden.
type world struct {
	*rapid.T
	space  *core.Space
	store  *memstore.Store
	p      *core.Member
	ear    *ear
	wire   space.MutationID
	cursor space.Cursor
	scope  string
	speaks uint32 // the version of cards that p speaks
}

func newWorld(t *rapid.T, rules *authz.Rules, speaks uint32) *world {
	w := &world{T: t, store: memstore.New(), speaks: speaks}
	s, err := core.Load(t.Context(), core.Config{Path: "team/a", Store: w.store, Limits: wire.DefaultLimits, Rules: rules, Lagging: func(*core.Member) {}, PartBytes: 300, EagerDrops: true})
	if err != nil {
		t.Fatal(err)
	}
	w.space = s
	w.join()
	return w
}

func principal(t *rapid.T, user string) *authz.Session {
	who, err := authz.NewSession(authz.Principal{User: user, Claims: map[string]any{"admin": user == "root"}})
	if err != nil {
		t.Fatal(err)
	}
	return who
}

// join opens the space for p, from the cursor where it left.
func (w *world) join() {
	old := w.ear
	w.ear = &ear{}
	if old != nil {
		w.ear.heard = old.heard
	}
	w.p = &core.Member{Sink: w.ear, Who: principal(w.T, "p"), Name: "p"}
	open := &wire.Open{Space: "team/a", Client: "client-p-0123456789", View: space.View{{In: "cards", V: w.speaks}, {In: "members"}}, Acked: uint64(w.wire), Drops: true}
	if w.scope != "" {
		open.Cursor, open.Scope = w.cursor.String(), w.scope
	}
	if err := w.space.Open(w.Context(), w.p, open); err != nil {
		w.Fatal(err)
	}
	w.catchUp()
	w.scope = w.p.Who.In(rulesOf(w)).Name()
}

func rulesOf(*world) *authz.Rules { return interfering }

func (w *world) catchUp() {
	for c := w.p.CatchUp(); c != nil; c = w.p.CatchUp() {
		for frame, err := range c.Frames(w.Context()) {
			if err != nil {
				w.Fatal(err)
			}
			w.ear.Send(frame)
		}
		if !w.space.Attach(w.p, c) {
			w.Fatal("not live")
		}
	}
}

// commit commits what waits, and lets p catch up.
func (w *world) commit() {
	t := w.space.Begin(w.Context(), time.UnixMilli(1764109771123))
	if t != nil {
		var err error
		if !t.Empty() {
			batches, e := t.Batches("team/a")
			if err = e; err == nil {
				err = w.store.Append(w.Context(), batches...)
			}
		}
		if err := w.space.Finish(w.Context(), t, err); err != nil {
			w.Fatal(err)
		}
	}
	w.catchUp()
	w.cursor = w.space.Head()
}

func (w *world) root(op space.Op) {
	w.space.Do(&core.Request{Who: principal(w.T, "root"), Mutations: []space.Mutation{{Ops: []space.Op{op}, V: space.Versions{"cards": 2}}}, Done: func(outcomes []space.Outcome, _ space.Cursor, err error) {
		if err != nil || outcomes[0].Kind != space.Applied {
			w.Fatalf("%+v, %v", outcomes, err)
		}
	}})
	w.commit()
}

func (w *world) push(m space.Mutation) {
	w.wire++
	m.ID = w.wire
	if w.speaks == 1 {
		m = older(m)
	} else {
		m.V = space.Versions{"cards": w.speaks}
	}
	if err := w.space.Push(w.p, []space.Mutation{m}); err != nil {
		w.Fatal(err)
	}
	w.commit()
}

// older is a mutation as a client of version 1 of cards makes it.
func older(m space.Mutation) space.Mutation {
	names := strings.NewReplacer(`"n":`, `"count":`, `"secret":`, `"hush":`)
	m.Ops = slices.Clone(m.Ops)
	for i := range m.Ops {
		op := &m.Ops[i]
		op.Value, op.Patch = []byte(names.Replace(string(op.Value))), []byte(names.Replace(string(op.Patch)))
		if op.Op != space.OpPut {
			op.Value = nil
		}
		if op.Op != space.OpPatch {
			op.Patch = nil
		}
	}
	if m.Reads != nil {
		reads := *m.Reads
		reads.Where = slices.Clone(reads.Where)
		for i := range reads.Where {
			reads.Where[i].Where = []byte(names.Replace(string(reads.Where[i].Where)))
		}
		m.Reads = &reads
	}
	return m
}

var interfering = func() *authz.Rules {
	d, err := definition.Parse([]byte(`{"spaces":{"team/{t}":{"open":"true",
		"relations":{"member":{"in":"members","subject":"user","object":"project"}},
		"collections":{
			"cards":{"version":2,"lenses":[{"to":2,"steps":[{"rename":{"from":"count","to":"n"}},{"rename":{"from":"hush","to":"secret"}},{"default":{"path":"fresh","value":0}}]}],
				"read":"doc.owner == auth.uid || member(doc.project) || auth.admin == true || doc.level > 8 && doc.level > auth.level",
				"create":"auth.admin == true || new.owner == auth.uid","update":"auth.admin == true || doc.n > 3","delete":"true",
				"fields":{"secret":{"read":"auth.admin == true || doc.n > 4 && doc.owner == auth.uid"}}},
			"members":{"read":"doc.user == auth.uid || auth.admin == true","write":"auth.admin == true"}}}}}`))
	if err != nil {
		panic(err)
	}
	p, err := authz.Compile(d)
	if err != nil {
		panic(err)
	}
	return p.Rules("team/a")
}()

// TestNonInterference runs a random trace in two worlds that differ only in what
// p may not read: its contents, and which ids it has. Every byte that p gets is the same, also at an older version.
func TestNonInterference(t *testing.T) {
	heard, told, veiled, dropped := 0, 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		speaks := rapid.Uint32Range(1, 2).Draw(t, "speaks")
		a, b := newWorld(t, interfering, speaks), newWorld(t, interfering, speaks)
		both := func(do func(w *world, name string)) { do(a, "a"); do(b, "b") }
		project := rapid.SampledFrom([]string{"x", "y"})
		n := rapid.IntRange(0, 5)
		member := map[string]bool{}
		hidden := map[string]bool{}
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			id := fmt.Sprintf("c%d", rapid.IntRange(0, 3).Draw(t, "id"))
			switch rapid.IntRange(0, 11).Draw(t, "what") {
			case 0, 1: // of a project
				op := space.Op{Op: space.OpPut, In: "cards", ID: "v" + id, Value: fmt.Appendf(nil, `{"owner":"o","project":%q,"n":%d}`, project.Draw(t, "project"), n.Draw(t, "n"))}
				both(func(w *world, _ string) { w.root(op) })
			case 2, 3, 4: // never for p: other contents and other ids in the two worlds
				length := rapid.IntRange(0, 5).Draw(t, "length")
				hidden[id] = true
				both(func(w *world, name string) {
					w.root(space.Op{Op: space.OpPut, In: "cards", ID: "h" + name + id, Value: fmt.Appendf(nil, `{"owner":"o","project":"hidden","secret":%q,"n":%d}`, strings.Repeat(name, length*len(name)+1), len(name)+length)})
				})
			case 5:
				user := rapid.SampledFrom([]string{"p", "q"}).Draw(t, "user")
				of := project.Draw(t, "project")
				key := user + "-" + of
				op := space.Op{Op: space.OpPut, In: "members", ID: key, Value: fmt.Appendf(nil, `{"user":%q,"project":%q}`, user, of)}
				if member[key] = !member[key]; !member[key] {
					op = space.Op{Op: space.OpDelete, In: "members", ID: key}
				}
				both(func(w *world, _ string) { w.root(op) })
			case 6: // p tries what is hidden in one world, and not there in the other
				guess := "h" + rapid.SampledFrom([]string{"a", "b"}).Draw(t, "guess") + id
				at, version := a.space.Head().Seq, space.Seq(rapid.IntRange(0, 3).Draw(t, "if"))
				m := space.Mutation{Ops: []space.Op{{In: "cards", ID: guess}}}
				switch op := &m.Ops[0]; rapid.IntRange(0, 4).Draw(t, "try") {
				case 0:
					op.Op, op.Patch = space.OpPatch, []byte(`{"$inc":{"n":1}}`)
				case 1:
					op.Op = space.OpDelete
				case 2:
					op.Op, op.If = space.OpDelete, &version
				case 3:
					op.Op, op.ID = space.OpDelete, "none"
					m.Reads = &space.Reads{At: at - min(at, 5), Keys: []space.KeyPair{{"cards", guess}}}
				default:
					op.Op, op.ID = space.OpDelete, "none"
					m.Reads = &space.Reads{At: at - min(at, 5), Where: space.View{{In: "cards", Where: []byte(`{"n":{"$gt":2}}`)}}}
				}
				both(func(w *world, _ string) { w.push(m) })
			case 7: // p writes what is its own
				op := space.Op{Op: space.OpPut, In: "cards", ID: "p" + id, Value: fmt.Appendf(nil, `{"owner":"p","project":"hidden","n":%d}`, n.Draw(t, "n"))}
				both(func(w *world, _ string) { w.push(space.Mutation{Ops: []space.Op{op}}) })
			case 10: // only what is hidden in an entry that p may see: in one world it changes, in the other something else does
				secret := rapid.StringMatching(`[a-z]{0,9}`).Draw(t, "secret")
				both(func(w *world, name string) {
					op := space.Op{Op: space.OpPut, In: "cards", ID: "hx", Value: []byte(`{"owner":"o","project":"hidden"}`)}
					v, err := w.store.View(w.Context(), "team/a", w.space.Head().Seq)
					if err != nil {
						w.Fatal(err)
					}
					old, err := v.Get(space.Key{Collection: "cards", ID: "v" + id})
					if err != nil {
						w.Fatal(err)
					}
					v.Close()
					if name == "a" && old.Live() {
						op = space.Op{Op: space.OpPatch, In: "cards", ID: "v" + id, Patch: fmt.Appendf(nil, `{"$set":{"secret":%q}}`, secret)}
						veiled++
					}
					w.root(op)
				})
			case 11: // p tries its hand at an entry of which it may not see all
				m := space.Mutation{Ops: []space.Op{{In: "cards", ID: "v" + id}}}
				switch op := &m.Ops[0]; rapid.IntRange(0, 3).Draw(t, "try") {
				case 0:
					op.Op, op.Patch = space.OpPatch, []byte(`{"$inc":{"n":1}}`)
				case 1:
					op.Op, op.Patch = space.OpPatch, []byte(`{"$add":{"secret":["x"]}}`)
				case 2:
					op.Op, op.ID = space.OpDelete, "none"
					m.Reads = &space.Reads{At: a.space.Head().Seq - min(a.space.Head().Seq, 5), Keys: []space.KeyPair{{"cards", "v" + id}}}
				default:
					op.Op, op.ID = space.OpDelete, "none"
					m.Reads = &space.Reads{At: a.space.Head().Seq - min(a.space.Head().Seq, 5), Where: space.View{{In: "cards", Where: []byte(`{"secret":{"$exists":true}}`)}}}
				}
				both(func(w *world, _ string) { w.push(m) })
			case 8: // p goes and comes back
				both(func(w *world, _ string) { w.space.Leave(w.p); w.join() })
			case 9:
				both(func(w *world, _ string) { w.space.Advance() })
			}
		}
		for i := range max(len(a.ear.heard), len(b.ear.heard)) {
			if i >= len(a.ear.heard) || i >= len(b.ear.heard) || a.ear.heard[i] != b.ear.heard[i] {
				t.Fatalf("frame %d of %d and %d:\n%s\n%s", i, len(a.ear.heard), len(b.ear.heard), at(a.ear.heard, i), at(b.ear.heard, i))
			}
		}
		heard += len(a.ear.heard)
		told += strings.Count(strings.Join(a.ear.heard, ""), `"put":`)
		dropped += strings.Count(strings.Join(a.ear.heard, ""), `"drop":`)
	})
	if heard < 500 || told < 50 || veiled < 5 {
		t.Errorf("p heard %d frames, %d with entries, %d with drops, and %d times something changed in one that it may not see: that tests little", heard, told, dropped, veiled)
	}
}

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return "nothing"
}
