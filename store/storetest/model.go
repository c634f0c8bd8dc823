package storetest

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"pgregory.net/rapid"
)

// A model is the naive store: everything in lists, nothing clever.
type model map[space.Path]*modelSpace

type modelSpace struct {
	commits  []*space.Commit // all that ever were
	horizon  space.Seq
	versions map[space.Key][]space.Version // oldest first
}

func (m model) space(p space.Path) *modelSpace {
	if m[p] == nil {
		return &modelSpace{versions: map[space.Key][]space.Version{}}
	}
	return m[p]
}

func (s *modelSpace) cursor(seq space.Seq) space.Cursor {
	if seq == 0 {
		return space.Cursor{}
	}
	return s.commits[seq-1].Cursor()
}

func (s *modelSpace) head() store.Head {
	return store.Head{Cursor: s.cursor(space.Seq(len(s.commits))), Horizon: s.cursor(s.horizon)}
}

func (s *modelSpace) add(c *space.Commit) {
	s.commits = append(s.commits, c)
	for _, change := range c.Changes {
		s.versions[change.Key] = append(s.versions[change.Key], change.Version(c.Seq))
	}
}

func (s *modelSpace) at(seq space.Seq) map[space.Key]space.Version {
	all := make(map[space.Key]space.Version)
	for key, versions := range s.versions {
		for _, v := range versions {
			if v.Seq <= seq {
				all[key] = v
			}
		}
	}
	return all
}

func (s *modelSpace) trim(horizon space.Seq) {
	if horizon <= s.horizon {
		return
	}
	s.horizon = horizon
	for key, newest := range s.at(horizon) {
		s.versions[key] = slices.DeleteFunc(s.versions[key], func(v space.Version) bool {
			return v.Seq < newest.Seq || v.Seq == newest.Seq && v.Deleted
		})
	}
}

func (s *modelSpace) clients() map[space.ClientID]space.ClientState {
	return space.ClientStates(s.commits)
}

// A modelView is an open view and what it must show for as long as it is open.
type modelView struct {
	store.View
	want map[space.Key]space.Version
}

var (
	modelPaths       = []space.Path{"a", "a/b", "b"}
	modelCollections = []string{"c", "cc", "d"}
	modelIDs         = []string{"1", "11", "2", "a", "abcdefgh", "é"}
	modelClients     = []space.ClientID{"", "client-one-456789", "client-two-456789"}
)

// testModel runs random operations on the store and on the model.
func testModel(f *fixture) {
	f.close()
	// A check is some thirty operations and, after each, a look at everything.
	if checks := flag.Lookup("rapid.checks"); os.Getenv("SYNCLINE_LONG") == "" && checks.Value.String() == checks.DefValue {
		if err := checks.Value.Set("20"); err != nil {
			f.Fatal(err)
		}
		defer checks.Value.Set(checks.DefValue)
	}
	rapid.Check(f.T, func(rt *rapid.T) {
		m := &machine{T: rt, f: &fixture{T: f.T, open: f.fresh(f.T)}, model: model{}}
		m.f.reopen()
		rt.Repeat(map[string]func(*rapid.T){
			"append": m.append, "conflict": m.conflict, "trim": m.trim, "drop": m.drop,
			"open view": m.openView, "close view": m.closeView, "reopen": m.reopen,
			"": m.check,
		})
		m.closeViews()
		m.f.verify()
		m.f.close()
	})
	f.open = f.fresh(f.T)
	f.reopen()
}

type machine struct {
	*rapid.T
	f     *fixture
	model model
	views []*modelView
}

func (m *machine) batch(rt *rapid.T, path space.Path) store.Batch {
	b := store.Batch{Space: path, Base: m.model.space(path).head().Cursor}
	at := b.Base
	for range rapid.IntRange(1, 4).Draw(rt, "commits") {
		keys := make(map[space.Key]bool)
		for range rapid.IntRange(0, 4).Draw(rt, "changes") {
			keys[space.Key{
				Collection: rapid.SampledFrom(modelCollections).Draw(rt, "collection"),
				ID:         rapid.SampledFrom(modelIDs).Draw(rt, "id"),
			}] = true
		}
		var cs changes
		for _, key := range slices.SortedFunc(maps.Keys(keys), space.Key.Compare) {
			if rapid.IntRange(0, 3).Draw(rt, "kind") == 0 {
				cs = append(cs, Delete(key.Collection, key.ID))
			} else {
				cs = append(cs, Put(key.Collection, key.ID, rapid.StringN(0, 8, 20).Draw(rt, "payload")))
			}
		}
		client := rapid.SampledFrom(modelClients).Draw(rt, "client")
		c := NextBy(at, client, space.MutationID(at.Seq+1), cs...)
		b.Commits, at = append(b.Commits, c), c.Cursor()
	}
	return b
}

func (m *machine) append(rt *rapid.T) {
	var batches []store.Batch
	for _, path := range rapid.SliceOfNDistinct(rapid.SampledFrom(modelPaths), 1, 3, rapid.ID).Draw(rt, "paths") {
		batches = append(batches, m.batch(rt, path))
	}
	if err := m.f.store.Append(m.f.Context(), batches...); err != nil {
		rt.Fatal(err)
	}
	for _, b := range batches {
		s := m.model.space(b.Space)
		m.model[b.Space] = s
		for _, c := range b.Commits {
			s.add(c)
		}
	}
}

func (m *machine) conflict(rt *rapid.T) {
	path := rapid.SampledFrom(modelPaths).Draw(rt, "path")
	bad := Chain(path, space.Cursor{Seq: 99, Digest: space.Digest{1}}, nil)
	batches := []store.Batch{bad}
	for _, other := range modelPaths {
		if other != path {
			batches = append(batches, m.batch(rt, other))
		}
	}
	if err := m.f.store.Append(m.f.Context(), batches...); err == nil {
		rt.Fatal("a batch on no head is accepted")
	}
}

func (m *machine) trim(rt *rapid.T) {
	path := rapid.SampledFrom(modelPaths).Draw(rt, "path")
	s := m.model.space(path)
	horizon := space.Seq(rapid.IntRange(0, len(s.commits)).Draw(rt, "horizon"))
	if err := m.f.store.Trim(m.f.Context(), path, horizon); err != nil {
		rt.Fatal(err)
	}
	s.trim(horizon)
}

func (m *machine) drop(rt *rapid.T) {
	if rapid.IntRange(0, 2).Draw(rt, "really") != 0 {
		rt.Skip()
	}
	path := rapid.SampledFrom(modelPaths).Draw(rt, "path")
	if err := m.f.store.Drop(m.f.Context(), path); err != nil {
		rt.Fatal(err)
	}
	delete(m.model, path)
}

func (m *machine) openView(rt *rapid.T) {
	path := rapid.SampledFrom(modelPaths).Draw(rt, "path")
	s := m.model.space(path)
	at := space.Seq(rapid.IntRange(int(s.horizon), len(s.commits)).Draw(rt, "at"))
	v, err := m.f.store.View(m.f.Context(), path, at)
	if err != nil {
		rt.Fatal(err)
	}
	m.views = append(m.views, &modelView{v, s.at(at)})
}

func (m *machine) closeView(rt *rapid.T) {
	if len(m.views) == 0 {
		rt.Skip()
	}
	i := rapid.IntRange(0, len(m.views)-1).Draw(rt, "view")
	if err := m.views[i].Close(); err != nil {
		rt.Fatal(err)
	}
	m.views = slices.Delete(m.views, i, i+1)
}

func (m *machine) closeViews() {
	for _, v := range m.views {
		if err := v.Close(); err != nil {
			m.Fatal(err)
		}
	}
	m.views = nil
}

func (m *machine) reopen(rt *rapid.T) {
	if rapid.IntRange(0, 3).Draw(rt, "really") != 0 {
		rt.Skip()
	}
	m.closeViews()
	m.f.reopen()
}

// check compares everything that can be read.
func (m *machine) check(rt *rapid.T) {
	ctx := m.f.Context()
	var heads []space.Path
	for h, err := range m.f.store.Heads(ctx) {
		if err != nil {
			rt.Fatal(err)
		}
		heads = append(heads, h.Space)
	}
	if want := slices.Sorted(maps.Keys(m.model)); !slices.Equal(heads, want) {
		rt.Fatalf("heads of %v, want %v", heads, want)
	}
	for _, path := range modelPaths {
		s := m.model.space(path)
		if got, err := m.f.store.Head(ctx, path); err != nil || got != s.head() {
			rt.Fatalf("head of %s: %+v, %v, want %+v", path, got, err, s.head())
		}
		var log []*space.Commit
		for c, err := range m.f.store.Log(ctx, path, s.horizon) {
			if err != nil {
				rt.Fatal(err)
			}
			log = append(log, c)
		}
		sameCommit := func(a, b *space.Commit) bool { return bytes.Equal(a.AppendBinary(nil), b.AppendBinary(nil)) }
		if want := s.commits[s.horizon:]; !slices.EqualFunc(want, log, sameCommit) {
			rt.Fatalf("log of %s: %+v, want %+v", path, log, want)
		}
		for _, client := range modelClients[1:] {
			if got, err := m.f.store.Client(ctx, path, client); err != nil || got != s.clients()[client] {
				rt.Fatalf("client: %+v, %v", got, err)
			}
		}
		v, err := m.f.store.View(ctx, path, space.Seq(len(s.commits)))
		if err != nil {
			rt.Fatal(err)
		}
		checkView(rt, v, s.at(v.At()))
		if err := v.Close(); err != nil {
			rt.Fatal(err)
		}
	}
	for _, v := range m.views {
		checkView(rt, v, v.want)
	}
}

func same(a, b space.Version) bool {
	return a.Seq == b.Seq && a.Type == b.Type && a.Deleted == b.Deleted && bytes.Equal(a.Payload, b.Payload)
}

func checkView(rt *rapid.T, v store.View, want map[space.Key]space.Version) {
	after := append([]string{"", "1", "b"}, modelIDs...)[int(v.At())%(3+len(modelIDs))]
	for _, collection := range modelCollections {
		var entries, got []string
		for _, id := range modelIDs {
			key := space.Key{Collection: collection, ID: id}
			found, err := v.Get(key)
			if err != nil || !same(want[key], found) {
				rt.Fatalf("view at %d: %s is %+v, %v, want %+v", v.At(), key, found, err, want[key])
			}
			if found.Live() && id > after {
				entries = append(entries, fmt.Sprint(id, found.Seq, string(found.Payload)))
			}
		}
		for e, err := range v.Scan(collection, after) {
			if err != nil {
				rt.Fatal(err)
			}
			got = append(got, fmt.Sprint(e.Key.ID, e.Seq, string(e.Payload)))
		}
		if !slices.Equal(entries, got) {
			rt.Fatalf("view at %d: scan of %s after %q: %q, want %q", v.At(), collection, after, got, entries)
		}
	}
}
