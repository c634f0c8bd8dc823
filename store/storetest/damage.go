package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
)

// Contents is everything that a store holds, for comparison.
type Contents map[space.Path]*SpaceContents

// SpaceContents is one space: its head, its log's records, the versions of all
// keys at the head and at the horizon.
type SpaceContents struct {
	Head     store.Head
	Log      []string
	Versions map[space.Seq]map[space.Key]space.Version
}

// Read reads a store. Keys are those of the collections "c" and "d".
func Read(ctx context.Context, s store.Store) (Contents, error) {
	all := Contents{}
	for h, err := range s.Heads(ctx) {
		if err != nil {
			return all, err
		}
		c := &SpaceContents{Head: h.Head, Versions: map[space.Seq]map[space.Key]space.Version{}}
		all[h.Space] = c
		for commit, err := range s.Log(ctx, h.Space, h.Horizon.Seq) {
			if err != nil {
				return all, err
			}
			c.Log = append(c.Log, string(commit.AppendBinary(nil)))
		}
		for _, at := range []space.Seq{h.Horizon.Seq, h.Cursor.Seq} {
			versions, err := readView(ctx, s, h.Space, at)
			if err != nil {
				return all, err
			}
			c.Versions[at] = versions
		}
	}
	return all, nil
}

func readView(ctx context.Context, s store.Store, path space.Path, at space.Seq) (map[space.Key]space.Version, error) {
	v, err := s.View(ctx, path, at)
	if err != nil {
		return nil, err
	}
	defer v.Close()
	versions := map[space.Key]space.Version{}
	for _, collection := range []string{"c", "d"} {
		for e, err := range v.Scan(collection, "") {
			if err != nil {
				return nil, err
			}
			versions[e.Key] = e.Version
		}
	}
	return versions, nil
}

// Diff says how two contents differ, "" if they do not.
func (c Contents) Diff(other Contents) string {
	if a, b := slices.Sorted(maps.Keys(c)), slices.Sorted(maps.Keys(other)); !slices.Equal(a, b) {
		return fmt.Sprintf("spaces %v and %v", a, b)
	}
	for path, a := range c {
		b := other[path]
		if a.Head != b.Head {
			return fmt.Sprintf("heads of %s: %+v and %+v", path, a.Head, b.Head)
		}
		if !slices.Equal(a.Log, b.Log) {
			return fmt.Sprintf("logs of %s", path)
		}
		for at, versions := range a.Versions {
			if !maps.EqualFunc(versions, b.Versions[at], same) {
				return fmt.Sprintf("entries of %s at %d: %v and %v", path, at, versions, b.Versions[at])
			}
		}
	}
	return ""
}

// Fill puts some spaces with history, deletions, clients and a horizon into an
// empty store and returns what it then holds.
func Fill(t testing.TB, s store.Store) Contents {
	t.Helper()
	random := rand.New(rand.NewPCG(3, 4))
	for _, path := range []space.Path{"a", "b/c", "d"} {
		at := space.Cursor{}
		for range 60 {
			var cs changes
			for id := range 40 {
				switch random.IntN(20) {
				case 0:
					cs = append(cs, Delete("c", fmt.Sprintf("%02d", id)))
				case 1, 2:
					cs = append(cs, Put("c", fmt.Sprintf("%02d", id), fmt.Sprintf("%x", random.Uint64())))
				}
			}
			cs = append(cs, Put("d", "one", fmt.Sprintf("%0100d", at.Seq)))
			c := NextBy(at, "client-0123456789", space.MutationID(at.Seq+1), cs...)
			if err := s.Append(t.Context(), store.Batch{Space: path, Base: at, Commits: []*space.Commit{c}}); err != nil {
				t.Fatal(err)
			}
			at = c.Cursor()
		}
	}
	if err := s.Trim(t.Context(), "d", 30); err != nil {
		t.Fatal(err)
	}
	contents, err := Read(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return contents
}

// Damage returns a copy of a file with a bit flipped, a few bytes overwritten, a
// block zeroed or swapped with another, or the end cut off.
func Damage(random *rand.Rand, file []byte) []byte {
	b := bytes.Clone(file)
	if len(b) == 0 {
		return b
	}
	switch random.IntN(8) {
	case 0:
		return b[:random.IntN(len(b))]
	case 1:
		for i, end := random.IntN(len(b)), random.IntN(64); end > 0 && i < len(b); i, end = i+1, end-1 {
			b[i] = byte(random.Uint32())
		}
	case 2, 3:
		const block = 4096
		if n := len(b) / block; n > 1 {
			i, j := random.IntN(n)*block, random.IntN(n)*block
			if random.IntN(2) == 0 {
				clear(b[i : i+block])
				break
			}
			swap := bytes.Clone(b[i : i+block])
			copy(b[i:i+block], b[j:j+block])
			copy(b[j:], swap)
			break
		}
		fallthrough
	default:
		b[random.IntN(len(b))] ^= 1 << random.IntN(8)
	}
	return b
}

// An Outcome is what became of damage.
type Outcome string

// The outcomes that a store may have. Anything else fails the test.
const (
	Refused  Outcome = "refused"  // the store does not open
	Reported Outcome = "reported" // Verify or a read tells of it
	Intact   Outcome = "intact"   // everything is there
)

// Examine opens a damaged store and says what became of the damage. What is read
// must be right, or an error; and if anything is missing, Verify must report
// something: else the error says what was wrong.
func Examine(ctx context.Context, want Contents, open Opener) (Outcome, error) {
	s, err := open()
	if err != nil {
		return Refused, nil
	}
	defer s.Close() // its error may be that of the damage
	problems := 0
	if err := store.Verify(ctx, s, func(store.Problem) { problems++ }); err != nil {
		return "", fmt.Errorf("verify: %w", err)
	}
	got, err := Read(ctx, s)
	if err != nil && !errors.Is(err, store.ErrCorrupt) {
		return "", fmt.Errorf("the error does not say that data is damaged: %w", err)
	}
	if err != nil || problems > 0 {
		if wrong := got.wrong(want); wrong != "" {
			return "", fmt.Errorf("a wrong entry is served: %s", wrong)
		}
		return Reported, nil
	}
	if diff := want.Diff(got); diff != "" {
		return "", fmt.Errorf("damage is served in silence: %s", diff)
	}
	return Intact, nil
}

// wrong finds what was read and never was: a commit or version that differs from
// the wanted one of its place.
func (c Contents) wrong(want Contents) string {
	for path, got := range c {
		w := want[path]
		if w == nil {
			return fmt.Sprintf("space %s", path)
		}
		if got.Head.Horizon == w.Head.Horizon {
			for i, record := range got.Log {
				if i >= len(w.Log) || record != w.Log[i] {
					return fmt.Sprintf("commit %d of %s", i, path)
				}
			}
		}
		for at, versions := range got.Versions {
			for key, v := range versions {
				if wv, ok := w.Versions[at][key]; ok && wv.Seq == v.Seq && !same(wv, v) {
					return fmt.Sprintf("%s of %s at %d", key, path, at)
				}
			}
		}
	}
	return ""
}

// Full holds an engine to what it owes on a full disk. fill makes the disk full,
// or gives it room again.
func Full(t *testing.T, s store.Store, fill func(bool)) {
	t.Helper()
	ctx := t.Context()
	b := Chain("a", space.Cursor{}, changes{Put("c", "x", "1")}, changes{Put("c", "x", "2")})
	if err := s.Append(ctx, b); err != nil {
		t.Fatal(err)
	}
	at := End(b)
	fill(true)
	big := string(bytes.Repeat([]byte("x"), 10<<10))
	refused := false
	for range 100 { // the disk is looked at once in a while only
		next := Chain("a", at, changes{Put("c", "y", big)})
		err := s.Append(ctx, next)
		if err == nil {
			at = End(next)
			continue
		}
		if !errors.Is(err, store.ErrFull) {
			t.Fatalf("append to a full disk: %v", err)
		}
		refused = true
		break
	}
	if !refused {
		t.Fatal("a full disk takes a megabyte")
	}
	if h, err := s.Head(ctx, "a"); err != nil || h.Cursor != at {
		t.Errorf("head: %+v, %v", h, err)
	}
	v, err := s.View(ctx, "a", at.Seq)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := v.Get(space.Key{Collection: "c", ID: "x"}); err != nil || string(got.Payload) != "2" {
		t.Errorf("get: %+v, %v", got, err)
	}
	if err := v.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Trim(ctx, "a", at.Seq); err != nil {
		t.Errorf("trim on a full disk: %v", err)
	}
	if err := s.Append(ctx, Chain("a", at, nil)); !errors.Is(err, store.ErrFull) {
		t.Errorf("append to a disk that is still full: %v", err)
	}
	fill(false)
	if err := s.Append(ctx, Chain("a", at, nil)); err != nil {
		t.Errorf("append once there is room: %v", err)
	}
	Verify(t, s)
}
