package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
)

type changes = []space.Change

var firstLog = space.Cursor{}

func testEmpty(f *fixture) {
	if h := f.head("a"); h != (store.Head{}) {
		f.Errorf("head is %+v", h)
	}
	for h, err := range f.store.Heads(f.Context()) {
		f.Errorf("heads yields %+v, %v", h, err)
	}
	if n := f.seqs("a", firstLog); n != 0 {
		f.Errorf("%d commits", n)
	}
	v := f.view("a", 0)
	if got, err := v.Get(space.Key{Collection: "c", ID: "x"}); err != nil || got.Seq != 0 {
		f.Errorf("get: %+v, %v", got, err)
	}
	if got := f.scan(v, "c", ""); got != nil {
		f.Errorf("scan: %v", got)
	}
	f.shut(v)
	if s, err := f.store.Client(f.Context(), "a", "client-0123456789"); err != nil || !s.IsZero() {
		f.Errorf("client: %+v, %v", s, err)
	}
	if err := f.store.Trim(f.Context(), "a", 0); err != nil {
		f.Errorf("trim to 0: %v", err)
	}
	f.want(f.store.Trim(f.Context(), "a", 1), store.ErrFuture, "trim above the head")
	if err := f.store.Drop(f.Context(), "a"); err != nil {
		f.Errorf("drop: %v", err)
	}
}

func testAppendAndRead(f *fixture) {
	refused := Next(space.Cursor{}, Put("c", "x", "1"))
	refused.Refusal = &space.Refusal{Code: space.CodeStale, Path: "ops[0]", Message: "no", Key: space.Key{Collection: "c", ID: "y"}}
	refused.Seal(space.Digest{})
	second := Next(refused.Cursor(), Delete("c", "x"), Put("c", "y", ""), Put("d", "x", "3"))
	b := store.Batch{Space: "a", Commits: []*space.Commit{refused, second}}
	end := f.add(b)
	for range 2 {
		if h := f.head("a"); h.Cursor != end || !h.Horizon.IsZero() {
			f.Errorf("head is %+v, want %s", h, end)
		}
		var got []*space.Commit
		for c, err := range f.store.Log(f.Context(), "a", 0) {
			if err != nil {
				f.Fatal(err)
			}
			got = append(got, c)
		}
		want := []*space.Commit{refused, second}
		if diff := cmp.Diff(want, got, cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Payload" }, cmp.Ignore())); diff != "" {
			f.Errorf("log differs (-want +got):\n%s", diff)
		}
		v := f.view("a", 2)
		if v.At() != 2 {
			f.Errorf("view is at %d", v.At())
		}
		x, err := v.Get(space.Key{Collection: "c", ID: "x"})
		if err != nil || x.Seq != 2 || !x.Deleted || x.Type != space.Record || len(x.Payload) != 0 {
			f.Errorf("a deleted entry: %+v, %v", x, err)
		}
		y, err := v.Get(space.Key{Collection: "c", ID: "y"})
		if err != nil || !y.Live() || len(y.Payload) != 0 {
			f.Errorf("an empty entry: %+v, %v", y, err)
		}
		if got := f.scan(v, "c", ""); !slices.Equal(got, []string{"y="}) {
			f.Errorf("scan: %v", got)
		}
		f.shut(v)
		v = f.view("a", 1)
		if got := f.payload(v, "c", "x"); got != "1" {
			f.Errorf("at 1 x is %q", got)
		}
		if got := f.scan(v, "d", ""); got != nil {
			f.Errorf("at 1 there is %v", got)
		}
		f.shut(v)
		if n := f.seqs("a", refused.Cursor()); n != 1 {
			f.Errorf("%d commits above 1", n)
		}
		f.reopen()
	}
}

func testConflict(f *fixture) {
	one := f.add(Chain("a", space.Cursor{}, changes{Put("c", "x", "1")}))
	other := one
	other.Digest[3] ^= 1
	for _, base := range []space.Cursor{{}, other, {Seq: 2, Digest: one.Digest}} {
		err := f.store.Append(f.Context(), Chain("a", base, changes{Put("c", "x", "no")}))
		var conflict *store.ConflictError
		if !errors.As(err, &conflict) {
			f.Fatalf("base %s: %v", base, err)
		}
		if conflict.Space != "a" || conflict.Base != base || conflict.Head != one {
			f.Errorf("conflict is %+v", conflict)
		}
	}
	f.add(Chain("a", one, changes{Put("c", "x", "2")}))
	if n := f.seqs("a", firstLog); n != 2 {
		f.Errorf("%d commits", n)
	}
}

func testMalformed(f *fixture) {
	good := Chain("a", space.Cursor{}, changes{Put("c", "x", "1")})
	gap := Chain("b", space.Cursor{}, nil, nil, nil)
	gap.Commits = slices.Delete(gap.Commits, 1, 2)
	for name, batches := range map[string][]store.Batch{
		"nothing":         {},
		"no commits":      {good, {Space: "b"}},
		"a gap":           {good, gap},
		"one space twice": {good, good},
	} {
		if err := f.store.Append(f.Context(), batches...); err == nil {
			f.Errorf("%s is accepted", name)
		}
	}
	if h := f.head("a"); !h.Cursor.IsZero() {
		f.Errorf("something was written: %+v", h)
	}
	f.add(good) // and the store is not broken by it
}

func testManySpaces(f *fixture) {
	var batches []store.Batch
	paths := []space.Path{"a", "a-b", "a.b", "a/b", "a/b/c", "a0", "b"} // in order
	for _, p := range slices.Backward(paths) {
		batches = append(batches, Chain(p, space.Cursor{}, changes{Put("c", "x", string(p))}, changes{Put("c", "y", string(p))}))
	}
	if err := f.store.Append(f.Context(), batches...); err != nil {
		f.Fatal(err)
	}
	bad := slices.Clone(batches)
	for i := range bad {
		bad[i] = Chain(bad[i].Space, End(bad[i]), changes{Put("c", "x", "no")})
	}
	bad[3].Base.Digest[0] ^= 1
	var conflict *store.ConflictError
	if err := f.store.Append(f.Context(), bad...); !errors.As(err, &conflict) || conflict.Space != bad[3].Space {
		f.Fatalf("a conflict in one space: %v", err)
	}
	for range 2 {
		var got []space.Path
		for h, err := range f.store.Heads(f.Context()) {
			if err != nil {
				f.Fatal(err)
			}
			got = append(got, h.Space)
			if f.head(h.Space) != h.Head { // the body may call the store
				f.Errorf("heads and head of %s differ", h.Space)
			}
			if h.Cursor.Seq != 2 {
				f.Errorf("%s is at %d: not all or nothing", h.Space, h.Cursor.Seq)
			}
			v := f.view(h.Space, 2)
			p := string(h.Space)
			if got := f.scan(v, "c", ""); !slices.Equal(got, []string{"x=" + p, "y=" + p}) {
				f.Errorf("%s holds %v", p, got)
			}
			f.shut(v)
		}
		if !slices.Equal(got, paths) {
			f.Errorf("heads are %v", got)
		}
		for range f.store.Heads(f.Context()) {
			break
		}
		f.reopen()
	}
}

func testRetry(f *fixture) {
	b := Chain("a", space.Cursor{}, changes{Put("c", "x", "1")}, changes{Put("c", "x", "2")})
	f.add(b)
	f.reopen()
	var conflict *store.ConflictError
	if err := f.store.Append(f.Context(), b); !errors.As(err, &conflict) {
		f.Fatalf("the second try: %v", err)
	}
	if conflict.Head != End(b) {
		f.Errorf("the head %s does not tell that the first was carried out", conflict.Head)
	}
}

func testClients(f *fixture) {
	const one, two = space.ClientID("client-one-456789"), space.ClientID("client-two-456789")
	a := NextBy(space.Cursor{}, one, 1)
	b := NextBy(a.Cursor(), two, 7)
	c := NextBy(b.Cursor(), one, 2)
	d := Next(c.Cursor())
	f.add(store.Batch{Space: "a", Commits: []*space.Commit{a, b, c, d}})
	f.add(store.Batch{Space: "b", Commits: []*space.Commit{a}})
	for range 2 {
		for client, want := range map[space.ClientID]space.ClientState{
			one:                  {Last: 2, Seq: 3, Author: "author of client-one-456789"},
			two:                  {Last: 7, Seq: 2, Author: "author of client-two-456789"},
			"":                   {},
			"client-one-45678":   {},
			"client-one-4567890": {},
		} {
			if got, err := f.store.Client(f.Context(), "a", client); err != nil || got != want {
				f.Errorf("client %q: %+v, %v", client, got, err)
			}
		}
		if got, _ := f.store.Client(f.Context(), "b", one); got.Seq != 1 {
			f.Errorf("client in another space: %+v", got)
		}
		if err := f.store.Trim(f.Context(), "a", 4); err != nil { // clients outlive the log
			f.Fatal(err)
		}
		f.reopen()
	}
}

func testOwnership(f *fixture) {
	b := Chain("a", space.Cursor{}, changes{Put("c", "x", "original")})
	payload := b.Commits[0].Changes[0].Payload
	f.add(b)
	copy(payload, "scribble")
	b.Commits[0].Changes[0].Key.ID = "z"
	v := f.view("a", 1)
	got, err := v.Get(space.Key{Collection: "c", ID: "x"})
	if err != nil {
		f.Fatal(err)
	}
	var scanned []space.Entry
	for e, err := range v.Scan("c", "") {
		if err != nil {
			f.Fatal(err)
		}
		scanned = append(scanned, e)
	}
	f.shut(v)
	f.add(Chain("a", f.head("a").Cursor, changes{Put("c", "x", strings.Repeat("y", 100))}))
	if err := f.store.Trim(f.Context(), "a", 2); err != nil {
		f.Fatal(err)
	}
	f.close()
	if string(got.Payload) != "original" || string(scanned[0].Payload) != "original" {
		f.Errorf("payloads are %q and %q", got.Payload, scanned[0].Payload)
	}
	f.reopen()
}

func testBigBatch(f *fixture) {
	const commits, perCommit = 60, 50
	big := strings.Repeat("0123456789abcdef", 64)
	b := store.Batch{Space: "a"}
	at := space.Cursor{}
	for i := range commits {
		var cs changes
		for j := range perCommit {
			cs = append(cs, Put("c", fmt.Sprintf("%05d", i*perCommit+j), big))
		}
		c := Next(at, cs...)
		b.Commits, at = append(b.Commits, c), c.Cursor()
	}
	f.add(b) // three megabytes
	f.add(Chain("a", at, changes{Put("c", "huge", strings.Repeat("x", 6<<20))}))
	f.reopen()
	if n := f.seqs("a", firstLog); n != commits+1 {
		f.Errorf("%d commits", n)
	}
	v := f.view("a", commits)
	if n := len(f.scan(v, "c", "")); n != commits*perCommit {
		f.Errorf("%d entries", n)
	}
	f.shut(v)
}
