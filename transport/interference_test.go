package transport_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

// A step is something that happens in both worlds, which differ by their names only.
type step struct {
	what string
	do   func(w *world)
	// guess: p asks for something that is hidden in one world and absent in the other; to
	// answer takes as many reads of the store in both.
	guess bool
}

// A tracer makes up traces.
type tracer struct {
	*rand.Rand
	member map[string]bool // of p
	steps  []step
}

func (t *tracer) of(options ...string) string { return options[t.IntN(len(options))] }

func (t *tracer) add(what string, do func(w *world)) {
	t.steps = append(t.steps, step{what, do, false})
}

func (t *tracer) guess(what string, do func(w *world)) {
	t.steps = append(t.steps, step{what, do, true})
}

// hidden is the id of a card that p never may see: another one in each world.
func hidden(w *world, id string) string { return "h" + w.name + id }

func record(format string, args ...any) []byte { return fmt.Appendf(nil, format, args...) }

// trace is a random one.
func trace(seed uint64) []step {
	t := &tracer{Rand: rand.New(rand.NewPCG(seed, 4)), member: map[string]bool{}}
	for range 6 + t.IntN(14) {
		switch t.IntN(8) {
		case 0, 1:
			t.others()
		case 2:
			t.others()
			t.secrets()
		case 3:
			t.secrets()
		case 4, 5:
			t.guesses()
		case 6:
			t.session()
		case 7:
			t.reads()
		}
	}
	return t.steps
}

// others adds what others do with what p may see, or might.
func (t *tracer) others() {
	id, n := fmt.Sprint("c", t.IntN(3)), t.IntN(6)
	switch t.IntN(4) {
	case 0, 1:
		project := t.of("x", "y", "z")
		t.add("a card of a project", func(w *world) {
			// What p may not see in it is of another length in each world.
			w.must(w.as(w.root, teamA, space.Op{Op: "put", In: "cards", ID: "v" + id, Value: record(`{"owner":"ov","project":%q,"n":%d,"meta":{},"secret":%q}`, project, n, strings.Repeat(w.name, len(w.name)+100*int(w.name[0]-'a')))}))
		})
	case 2:
		t.join(t.of("x", "y", "z"))
	default:
		t.add("time passes", (*world).idle)
	}
}

// join adds that p becomes a member of a project, or is one no more.
func (t *tracer) join(project string) {
	op := space.Op{Op: "put", In: "members", ID: "p-" + project, Value: record(`{"user":"p","project":%q}`, project)}
	if t.member[project] = !t.member[project]; !t.member[project] {
		op = space.Op{Op: "delete", In: "members", ID: op.ID}
	}
	t.add("p in or out of project "+project+": "+op.Op, func(w *world) { w.must(w.as(w.root, teamA, op)) })
}

// secrets adds what p must not notice: it differs in the two worlds.
func (t *tracer) secrets() {
	id, n := fmt.Sprint("c", t.IntN(3)), t.IntN(6)
	switch t.IntN(7) {
	case 0, 1:
		parent := ""
		if t.IntN(3) == 0 {
			parent = `,"parent":"p` + id + `"`
		}
		t.add("a hidden card", func(w *world) {
			w.as(w.root, teamA, space.Op{Op: "put", In: "cards", ID: hidden(w, id), Value: record(`{"owner":"oh","project":"hidden","slug":"s%s","title":%q,"n":%d%s}`, id, strings.Repeat(w.name, n+int(w.name[0]-'a')), n, parent)})
		})
	case 2:
		t.add("another's membership", func(w *world) {
			user := map[string]string{"a": "q", "b": "r"}[w.name]
			w.must(w.as(w.root, teamA, space.Op{Op: "put", In: "members", ID: user + "-x", Value: record(`{"user":%q,"project":%q}`, user, "x"+w.name)}))
		})
	case 3:
		t.add("another's write, which is refused in one world", func(w *world) {
			owner := map[string]string{"a": "q", "b": "r"}[w.name]
			w.as(w.q, teamA, space.Op{Op: "put", In: "cards", ID: "hq" + w.name, Value: record(`{"owner":%q,"project":"hidden"}`, owner)})
		})
	case 4:
		t.add("what is hidden in a card", func(w *world) {
			op := space.Op{Op: "put", In: "cards", ID: "fixed", Value: []byte(`{"owner":"root","project":"hidden"}`)}
			v, err := w.store.Store.View(w.Context(), teamA, w.head())
			if err != nil {
				w.Fatal(err)
			}
			defer v.Close()
			if old, err := v.Get(space.Key{Collection: "cards", ID: "v" + id}); err != nil {
				w.Fatal(err)
			} else if w.name == "a" && old.Live() {
				op = space.Op{Op: "patch", In: "cards", ID: "v" + id, Patch: record(`{"$set":{"secret":%q,"meta.rank":%d}}`, strings.Repeat("x", n*20), n)}
			}
			w.must(w.as(w.root, teamA, op))
		})
	case 5:
		t.add("a space that p may not open", func(w *world) {
			w.must(w.as(w.root, space.Path("secret/"+w.name), space.Op{Op: "put", In: "cards", ID: "c1", Value: []byte(`{"owner":"root"}`)}))
		})
	default:
		if t.member["z"] {
			return
		}
		t.add("a card that was in a project which p is not in", func(w *world) {
			put := func(project, title string) {
				w.must(w.as(w.root, teamA, space.Op{Op: "put", In: "cards", ID: "passing", Value: record(`{"owner":"ov","project":%q,"title":%q}`, project, title)}))
			}
			put("z", w.name)
			w.settle()
			w.passed = ""
			if head := w.rest("GET", "/v1/spaces/"+teamA+"/-/_head", ""); head != nil {
				w.passed = cursorOf(w.last)
			}
			put("hidden", "")
		})
		if t.IntN(2) == 0 {
			t.join("z")
			t.add("GET what was when it was there", func(w *world) {
				w.rest("GET", "/v1/spaces/"+teamA+"/-/_snapshot?at="+w.passed+"&view="+url.QueryEscape(`[{"in":"cards"}]`), "")
				w.rest("GET", "/v1/spaces/"+teamA+"/-/_changes?since="+w.passed+"&view="+url.QueryEscape(`[{"in":"cards"}]`), "")
			})
		}
	}
}

// guesses adds p's attempts at what is hidden in one world and absent in the other.
func (t *tracer) guesses() {
	id, n := fmt.Sprint("c", t.IntN(3)), t.IntN(4)
	guess := "h" + t.of("a", "b") + id
	carrier := t.IntN(len(carrierNames))
	if t.IntN(2) == 0 {
		t.guessByREST(guess, n)
		return
	}
	version := space.Seq(n)
	m := space.Mutation{Ops: []space.Op{{In: "cards", ID: guess}}}
	add := t.guess
	try := t.IntN(10)
	if try == 6 || try == 7 || try == 9 {
		add = t.add // what has been changed lately, or how much there is, takes time to go through
	}
	switch op := &m.Ops[0]; try {
	case 0:
		op.Op, op.Patch = "patch", []byte(`{"$inc":{"n":1}}`)
	case 1:
		op.Op = "delete"
	case 2:
		op.Op, op.If = "delete", &version
	case 3:
		op.Op, op.Value = "put", []byte(`{"owner":"o"}`)
	case 4:
		op.Op, op.ID, op.Value = "put", "p"+id, record(`{"owner":"p","parent":%q}`, guess)
	case 5:
		op.Op, op.ID, op.Value = "put", "p"+id, record(`{"owner":"p","slug":"s%s"}`, id)
	case 6:
		op.Op, op.ID = "delete", "none"
		m.Reads = &space.Reads{At: space.Seq(n), Keys: []space.KeyPair{{"cards", guess}}}
	case 7:
		op.Op, op.ID = "delete", "none"
		m.Reads = &space.Reads{At: space.Seq(n), Where: space.View{{In: "cards", Where: []byte(`{"title":{"$gt":""}}`)}}}
	case 8:
		op.Op, op.Value = "put", record(`{"owner":"o","title":%q}`, strings.Repeat("x", 3000))
	default:
		m = space.Mutation{Call: "probe", Args: record(`{"id":%q}`, guess)}
	}
	add(fmt.Sprintf("%s: a mutation of what is hidden, if anything: %+v", carrierNames[carrier], m), func(w *world) { w.devices[carrier].push(m) })
}

func (t *tracer) guessByREST(guess string, n int) {
	base := "/v1/spaces/" + teamA + "/-/cards/"
	secret := "/v1/spaces/secret/" + t.of("a", "b") + "/-/"
	header, value := t.of("If-None-Match", "If-Match"), t.of("*", fmt.Sprintf("%q", fmt.Sprint(n)))
	for _, r := range [][4]string{
		{"GET", base + guess},
		{"HEAD", base + guess},
		{"GET", base + guess, "", "If-None-Match"},
		{"HEAD", base + guess, "", "If-None-Match"},
		{"PUT", base + guess, `{"owner":"o"}`},
		{"PUT", base + guess, `{"owner":"p","n":5}`, "If-Match"},
		{"PUT", base + guess, `{"owner":1}`},
		{"PATCH", base + guess, `{"$set":{"n":1}}`},
		{"PATCH", base + guess, `{"$set":{"n":1}}`, header},
		{"PATCH", base + guess, `{"$no":{}}`},
		{"DELETE", base + guess, ""},
		{"DELETE", base + guess, "", "If-Match"},
		{"OPTIONS", base + guess, ""},
		{"POST", base + guess, ""},
		{"POST", "/v1/spaces/" + teamA + "/-/_push", fmt.Sprintf(`{"muts":[{"ops":[{"op":"delete","in":"cards","id":%q,"if":%d}]},{"ops":[{"op":"patch","in":"cards","id":%q,"patch":{}}]}]}`, guess, n, guess)},
		{"GET", secret + "_head"},
		{"GET", secret + "cards"},
		{"GET", secret + "cards/c1"},
		{"GET", secret + "_log"},
		{"GET", secret + "_changes?view=" + url.QueryEscape(`[{"in":"cards"}]`)},
		{"PUT", secret + "cards/c1", `{}`},
		{"DELETE", secret + "cards/c1"},
		{"POST", secret + "_push", `{"muts":[{"ops":[{"op":"delete","in":"cards","id":"c1"}]}]}`},
		{"GET", base[:len(base)-1] + "?where=" + url.QueryEscape(fmt.Sprintf(`{"slug":%q}`, "s"+guess[2:]))},
	} {
		if t.IntN(4) > 0 {
			continue
		}
		headers := []string{}
		if r[3] != "" && r[0] != "GET" && r[0] != "HEAD" {
			headers = []string{r[3], value}
		} else if r[3] != "" {
			headers = []string{"If-None-Match", value}
		}
		add := t.guess
		if strings.Contains(r[1], "?where") {
			add = t.add
		}
		add(fmt.Sprintf("%s %s %s %q", r[0], r[1], r[2], headers), func(w *world) { w.rest(r[0], r[1], r[2], headers...) })
	}
}

// session adds what p does in its sessions.
func (t *tracer) session() {
	id, n := fmt.Sprint("c", t.IntN(3)), t.IntN(6)
	carrier := t.IntN(len(carrierNames))
	on := func(what string, do func(d *tapped)) {
		t.add(carrierNames[carrier]+": "+what, func(w *world) { do(w.devices[carrier]) })
	}
	push := func(what string, m space.Mutation) { on(what, func(d *tapped) { d.push(m) }) }
	switch t.IntN(10) {
	case 0, 1:
		push("a card of its own", space.Mutation{Ops: []space.Op{{Op: "put", In: "cards", ID: "p" + id, Value: record(`{"owner":"p","project":"hidden","n":%d,"secret":"mine"}`, n)}}})
	case 2:
		push("its own away", space.Mutation{Ops: []space.Op{{Op: "delete", In: "cards", ID: "p" + id}}})
	case 3:
		push("a card of which it may not see all", space.Mutation{Ops: []space.Op{{Op: "patch", In: "cards", ID: "v" + id, Patch: []byte(t.of(`{"$inc":{"n":1}}`, `{"$add":{"secret":["x"]}}`, `{"$set":{"n":"x"}}`, `{"$unset":["secret"]}`, `{"$unset":["meta"]}`, `{"$set":{"meta":1}}`, `{"$set":{"meta":{"x":1}}}`))}}})
	case 4:
		push("reads of such a card", space.Mutation{
			Ops:   []space.Op{{Op: "delete", In: "cards", ID: "none"}},
			Reads: &space.Reads{At: space.Seq(n), Keys: []space.KeyPair{{"cards", "v" + id}}, Where: space.View{{In: "cards", Where: []byte(`{"secret":{"$exists":true}}`)}}},
		})
	case 5:
		on("opens anew from its cursor", func(d *tapped) { d.send(&wire.Close{Space: teamA}, d.opening()) })
	case 6:
		view := space.View{{In: "cards", Where: []byte(t.of(`{"secret":{"$exists":true}}`, `{"slug":{"$gte":"s"}}`, `{"n":{"$gt":2}}`, `{}`))}}
		on("opens with another view", func(d *tapped) {
			o := d.opening()
			if o.Was = d.view; o.Cursor == "" {
				o.Was = nil
			}
			d.view, o.View = view, view
			d.send(o)
		})
	case 7:
		on("check", func(d *tapped) { d.send(&wire.Check{Space: teamA}) })
	case 8:
		// Apart: which of the two reaches others first is a matter of the moment.
		if t.IntN(2) == 0 {
			on("presence", func(d *tapped) { d.send(&wire.Presence{Space: teamA, State: record(`{"n":%d}`, n)}) })
		} else {
			on("a cast", func(d *tapped) { d.send(&wire.Cast{Space: teamA, Topic: "t", Data: []byte(`1`)}) })
		}
	default:
		secret := "secret/" + t.of("a", "b")
		on("a space that it may not open", func(d *tapped) {
			d.send(&wire.Open{Space: secret, Client: d.client, View: wholeTeam}, &wire.Check{Space: secret}, &wire.Close{Space: secret}, &wire.Push{Space: secret, Mutations: []space.Mutation{{ID: 1, Ops: []space.Op{{Op: "delete", In: "cards", ID: "c1"}}}}})
		})
	}
}

// reads adds what p reads by REST.
func (t *tracer) reads() {
	base := "/v1/spaces/" + teamA + "/-/"
	view := "view=" + url.QueryEscape(t.of(`[{"in":"cards"},{"in":"members"}]`, `[{"in":"cards","where":{"secret":{"$exists":true}}}]`))
	encoding := t.of("identity", "gzip", "zstd")
	pick := t.IntN(1 << 20)
	past := func(w *world) string {
		if len(w.past) == 0 {
			return "0"
		}
		return url.QueryEscape(w.past[pick%len(w.past)])
	}
	get := func(target func(w *world) string, headers ...string) {
		t.add("GET "+target(&world{}), func(w *world) {
			if res := w.rest("GET", target(w), "", headers...); res != nil && res.StatusCode == http.StatusTemporaryRedirect {
				w.rest("GET", res.Header.Get("Location"), "", headers...)
			}
		})
	}
	switch t.IntN(9) {
	case 0:
		query := "cards?where=" + url.QueryEscape(t.of(`{}`, `{"secret":{"$exists":true}}`, `{"n":{"$gte":2}}`, `{"slug":"sc1"}`)) + "&sort=" + url.QueryEscape(t.of(`["n"]`, `[{"secret":"desc"}]`, `[]`)) +
			fmt.Sprintf("&limit=%d&skip=%d", 1+t.IntN(3), t.IntN(3))
		get(func(*world) string { return base + query })
	case 1:
		body := `{"in":"cards","where":{"$or":[{"secret":{"$gt":""}},{"title":{"$exists":true}}]},"fields":["secret","title","n"]}`
		t.add("_find", func(w *world) { w.rest("POST", base+"_find", body) })
	case 2:
		get(func(*world) string { return base + "_snapshot?" + view }, "Accept-Encoding", encoding)
	case 3, 4:
		get(func(w *world) string { return base + "_snapshot?" + view + "&at=" + past(w) }, "Accept-Encoding", encoding)
	case 5:
		get(func(w *world) string { return base + "_changes?" + view + "&since=" + past(w) }, "Accept-Encoding", encoding)
	case 6:
		get(func(*world) string { return base + "_log?after=0" })
	case 7:
		get(func(*world) string { return base + "_head" })
	default:
		id := "v" + fmt.Sprint("c", t.IntN(3))
		t.add("a card, and only if it has changed", func(w *world) {
			for _, method := range []string{"GET", "HEAD"} {
				if res := w.rest(method, base+"cards/"+id, ""); res != nil {
					w.rest(method, base+"cards/"+id, "", "If-None-Match", res.Header.Get("ETag"))
				}
			}
		})
	}
}

// cursorOf is the cursor in the body of _head.
func cursorOf(body string) string {
	_, rest, _ := strings.Cut(body, `"head":"`)
	cursor, _, _ := strings.Cut(rest, `"`)
	return cursor
}

func (w *world) must(outcome string) {
	if !strings.HasPrefix(outcome, "applied") {
		w.Errorf("world %s: %s", w.name, outcome)
	}
}

func (w *world) head() space.Seq {
	h, err := w.store.Head(context.Background(), teamA)
	if err != nil {
		w.Fatal(err)
	}
	return h.Cursor.Seq
}

// play plays a trace in one world and returns what p was told, and how much was read for each guess.
func play(t *testing.T, name string, p plant, steps []step) []string {
	return inWorld(t, name, p, func(w *world) {
		if p.loud {
			w.loud = w.websocket("q")
			w.loud.say(textFrame(lines(&wire.Hello{V: []int{1}, Token: "q"}, &wire.Open{Space: teamA})))
		}
		w.must(w.as(w.root, teamA, space.Op{Op: "put", In: "members", ID: "p-x", Value: []byte(`{"user":"p","project":"x"}`)}))
		w.must(w.as(w.root, teamA, space.Op{Op: "put", In: "cards", ID: "fixed", Value: []byte(`{"owner":"root","project":"hidden"}`)}))
		for _, carrier := range carrierNames {
			w.begin(carrier)
		}
		for n, s := range steps {
			w.devices[0].send(&wire.Ping{}) // or the server gives the silent up
			w.settle()
			w.hear("-- %d: %s", n, s.what)
			before := w.store.reads.Load()
			s.do(w)
			w.settle()
			if s.guess {
				w.hear("%d reads", w.store.reads.Load()-before)
			}
		}
		w.settle()
	})
}

// difference plays a trace in both worlds and says where p is told something else, "" if nowhere.
func difference(t *testing.T, p plant, steps []step) string {
	a, b := play(t, "a", p, steps), play(t, "b", p, steps)
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) || a[i] != b[i] {
			return fmt.Sprintf("line %d of %d and %d:\n%s\n---\n%s", i, len(a), len(b), lineOf(a, i), lineOf(b, i))
		}
	}
	return ""
}

func lineOf(all []string, i int) string {
	if i < len(all) {
		return all[i]
	}
	return "(nothing)"
}

// shrink leaves out what a difference does not need.
func shrink(t *testing.T, p plant, steps []step) []step {
	for i := len(steps) - 1; i >= 0; i-- {
		fewer := append(append([]step{}, steps[:i]...), steps[i+1:]...)
		if difference(t, p, fewer) != "" {
			steps = fewer
		}
	}
	return steps
}

// TestNonInterference plays random traces in two worlds that differ in what p may not read: entries, what is
// hidden in entries, memberships and writes of others, spaces. Whatever p is told, through every carrier and by every request,
// is the same to the letter; and what p guesses at takes the same reading whether it is there or not.
func TestNonInterference(t *testing.T) {
	traces := 30
	if testing.Short() {
		traces = 8
	}
	for seed := range uint64(traces) {
		steps := trace(seed)
		// Now and then, under the race detector, a heartbeat comes a step later: one world then differs from itself as well. What leaks does so each time.
		found := difference(t, plant{}, steps)
		for again := 0; found != "" && again < 4; again++ {
			found = difference(t, plant{}, steps)
		}
		if found != "" {
			steps = shrink(t, plant{}, steps)
			for _, s := range steps {
				t.Log(s.what)
			}
			t.Fatalf("seed %d: %s\nshorter: %s", seed, found, difference(t, plant{}, steps))
		}
	}
}
