package storetest

import (
	"fmt"
	"slices"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
)

func testScan(f *fixture) {
	at := space.Cursor{}
	// Three versions of each of ten ids, then every second is deleted.
	for round := range 3 {
		for i := range 10 {
			at = f.add(Chain("a", at, changes{Put("c", fmt.Sprint(i), fmt.Sprint(round))}))
		}
	}
	for i := 0; i < 10; i += 2 {
		at = f.add(Chain("a", at, changes{Delete("c", fmt.Sprint(i))}))
	}
	for _, test := range []struct {
		at    space.Seq
		after string
		want  []string
	}{
		{0, "", nil},
		{2, "", []string{"0=0", "1=0"}},
		{12, "", []string{"0=1", "1=1", "2=0", "3=0", "4=0", "5=0", "6=0", "7=0", "8=0", "9=0"}},
		{30, "7", []string{"8=2", "9=2"}},
		{35, "", []string{"1=2", "3=2", "5=2", "7=2", "9=2"}},
		{35, "4", []string{"5=2", "7=2", "9=2"}},
		{35, "5", []string{"7=2", "9=2"}},
		{35, "55", []string{"7=2", "9=2"}},
		{35, "9", nil},
		{35, "a", nil},
	} {
		v := f.view("a", test.at)
		if got := f.scan(v, "c", test.after); !slices.Equal(got, test.want) {
			f.Errorf("at %d after %q: %v, want %v", test.at, test.after, got, test.want)
		}
		f.shut(v)
	}
	v := f.view("a", at.Seq)
	defer f.shut(v)
	for e, err := range v.Scan("c", "") { // the body may call the view
		if err != nil {
			f.Fatal(err)
		}
		if got := f.payload(v, "c", e.Key.ID); got != "2" {
			f.Errorf("get within scan: %q", got)
		}
		for inner, err := range v.Scan("c", e.Key.ID) {
			if err != nil || inner.Key.ID <= e.Key.ID {
				f.Errorf("scan within scan: %+v, %v", inner, err)
			}
			break
		}
	}
}

// Names that are prefixes of one another, hold the bytes next to separators, or
// look like a version's suffix.
func testScanNeighbours(f *fixture) {
	ids := []string{" ", "!", "a", "a ", "a!", "a/b", "aa", "ab", "abcdefgh", "abcdefghi", "b", "~", "é", "\U0010ffff", "\U0010ffff\U0010ffff"}
	slices.Sort(ids)
	heads := make(map[space.Path]space.Cursor)
	for _, path := range []space.Path{"s", "s/t", "s0", "s-"} {
		for _, collection := range []string{"c", "c-", "c0", "cc", "_c"} {
			for _, id := range ids {
				heads[path] = f.add(Chain(path, heads[path], changes{Put(collection, id, string(path)+collection)}))
			}
		}
	}
	for path, head := range heads {
		v := f.view(path, head.Seq)
		for _, collection := range []string{"c", "c-", "c0", "cc", "_c"} {
			for i, after := range ids {
				var want []string
				for _, id := range ids[i+1:] {
					want = append(want, id+"="+string(path)+collection)
				}
				if got := f.scan(v, collection, after); !slices.Equal(got, want) {
					f.Errorf("%s %s after %q: %q, want %q", path, collection, after, got, want)
				}
			}
		}
		for _, missing := range []string{"abcdefg", "abcdefgh0", "\x20\x20"} {
			if got, err := v.Get(space.Key{Collection: "c", ID: missing}); err != nil || got.Seq != 0 {
				f.Errorf("get %q: %+v, %v", missing, got, err)
			}
		}
		f.shut(v)
	}
}

func testBounds(f *fixture) {
	end := f.add(Chain("a", space.Cursor{}, nil, nil, nil))
	_, err := f.store.View(f.Context(), "a", end.Seq+1)
	f.want(err, store.ErrFuture, "view above the head")
	_, err = f.store.View(f.Context(), "b", 1)
	f.want(err, store.ErrFuture, "view of a space that does not exist")
	f.want(f.store.Trim(f.Context(), "a", 4), store.ErrFuture, "trim above the head")
	for c, err := range f.store.Log(f.Context(), "a", 3) {
		f.Errorf("log above the head: %+v, %v", c, err)
	}
	for c, err := range f.store.Log(f.Context(), "a", 9) {
		f.Errorf("log far above the head: %+v, %v", c, err)
	}
	if err := f.store.Trim(f.Context(), "a", 2); err != nil {
		f.Fatal(err)
	}
	_, err = f.store.View(f.Context(), "a", 1)
	f.want(err, store.ErrTrimmed, "view below the horizon")
	n := 0
	for _, err := range f.store.Log(f.Context(), "a", 1) {
		f.want(err, store.ErrTrimmed, "log below the horizon")
		n++
	}
	if n != 1 {
		f.Errorf("log below the horizon yields %d times", n)
	}
	f.shut(f.view("a", 2))
}

func testTrim(f *fixture) {
	b := Chain("a", space.Cursor{},
		changes{Put("c", "kept", "1"), Put("c", "w", "1"), Put("c", "x", "1"), Put("c", "y", "1")},
		changes{Put("c", "x", "2")},
		changes{Delete("c", "y")},
		changes{Put("c", "x", "4"), Put("c", "y", "4")},
		changes{Delete("c", "w")},
		changes{Put("c", "x", "6")},
	)
	f.add(b)
	check := func(horizon space.Seq, seqs map[string]space.Seq) {
		f.Helper()
		h := f.head("a")
		if h.Cursor != End(b) || h.Horizon != b.Commits[horizon-1].Cursor() {
			f.Errorf("head is %+v", h)
		}
		if n := f.seqs("a", h.Horizon); n != 6-int(horizon) {
			f.Errorf("%d commits are left", n)
		}
		v := f.view("a", horizon)
		defer f.shut(v)
		for id, want := range seqs {
			got, err := v.Get(space.Key{Collection: "c", ID: id})
			if err != nil || got.Seq != want {
				f.Errorf("horizon %d: %s is %+v, want version %d, %v", horizon, id, got, want, err)
			}
		}
		f.verify()
	}
	for _, step := range []struct {
		horizon space.Seq
		seqs    map[string]space.Seq
	}{
		{3, map[string]space.Seq{"kept": 1, "w": 1, "x": 2, "y": 0}},
		{4, map[string]space.Seq{"kept": 1, "w": 1, "x": 4, "y": 4}},
		{6, map[string]space.Seq{"kept": 1, "w": 0, "x": 6, "y": 4}},
	} {
		for _, horizon := range []space.Seq{step.horizon, step.horizon, step.horizon - 1, 0} {
			if err := f.store.Trim(f.Context(), "a", horizon); err != nil {
				f.Fatal(err)
			}
			check(step.horizon, step.seqs)
		}
		f.reopen()
		check(step.horizon, step.seqs)
	}
	f.add(Chain("a", End(b), changes{Put("c", "w", "7")}))
	if n := f.seqs("a", End(b)); n != 1 {
		f.Errorf("%d commits after the horizon", n)
	}
}

func testViewsAreStable(f *fixture) {
	const n = 20
	at := space.Cursor{}
	var views []store.View
	var unread []store.View // opened before the trim, first read after it
	for i := range n {
		at = f.add(Chain("a", at, changes{Put("c", "x", fmt.Sprint(i)), Put("c", fmt.Sprintf("y%02d", i), "")}))
		views = append(views, f.view("a", at.Seq))
		unread = append(unread, f.view("a", at.Seq))
		if got := f.payload(views[i], "c", "x"); got != fmt.Sprint(i) {
			f.Fatalf("x is %q", got)
		}
	}
	at = f.add(Chain("a", at, changes{Delete("c", "x")}))
	for _, horizon := range []space.Seq{5, 21} {
		if err := f.store.Trim(f.Context(), "a", horizon); err != nil {
			f.Fatal(err)
		}
	}
	f.add(Chain("a", at, changes{Put("c", "x", "new")}))
	for i := range n {
		for _, v := range []store.View{views[i], unread[i]} {
			if got := f.payload(v, "c", "x"); got != fmt.Sprint(i) {
				f.Errorf("view at %d: x is %q now", v.At(), got)
			}
			if got := f.scan(v, "c", "x"); len(got) != i+1 {
				f.Errorf("view at %d: %v", v.At(), got)
			}
		}
	}
	for i := range n {
		f.shut(views[i])
		f.shut(unread[i])
	}
	if _, err := views[0].Get(space.Key{Collection: "c", ID: "x"}); err == nil {
		f.Errorf("a closed view answers")
	}
	for _, err := range views[0].Scan("c", "") {
		if err == nil {
			f.Errorf("a closed view scans")
		}
	}
}

func testLogIsStable(f *fixture) {
	at := f.add(Chain("a", space.Cursor{}, nil, nil, nil, nil, nil))
	var got []space.Seq
	for c, err := range f.store.Log(f.Context(), "a", 1) {
		if err != nil {
			f.Fatal(err)
		}
		got = append(got, c.Seq)
		at = f.add(Chain("a", at, nil)) // would never end
		if c.Seq == 3 {
			if err := f.store.Trim(f.Context(), "a", 4); err != nil {
				f.Fatal(err)
			}
		}
	}
	if !slices.Equal(got, []space.Seq{2, 3, 4, 5}) {
		f.Errorf("the log was %v", got)
	}
}
