package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/internal/rows"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/memstore"
)

// A fake is a replica and its server: it queues through the Tracker, refuses some
// rows when they are sent and others later, and can be cut off.
type fake struct {
	t        *testing.T
	store    store.Store
	head     space.Cursor
	puts     map[string]int // applied, by id
	rejected []*fakeSent
	left     int // mutations until it is cut off, if not negative
	done     int
}

var errCut = errors.New("cut off")

type fakeSent struct {
	f   *fake
	id  uint64
	ops []space.Op
	out space.Outcome
}

func (f *fake) Send(ctx context.Context, ops []space.Op) (Sent, error) {
	for i, op := range ops {
		if strings.HasPrefix(op.ID, "local") {
			return nil, &space.Refusal{Code: space.CodeInvalid, Path: fmt.Sprintf("ops[%d]", i), Message: "no"}
		}
	}
	if f.left == 0 {
		return nil, errCut
	}
	f.left--
	f.done++
	c := &space.Commit{Seq: f.head.Seq + 1, Changes: []space.Change{{Key: space.Key{Collection: queueCollection, ID: fmt.Sprint(f.done)}, Type: space.Record, Payload: []byte("{}")}}}
	c.Seal(f.head.Digest)
	if err := f.store.Append(ctx, store.Batch{Space: "s", Base: f.head, Commits: []*space.Commit{c}}); err != nil {
		return nil, err
	}
	f.head = c.Cursor()
	s := &fakeSent{f: f, id: uint64(f.done), ops: slices.Clone(ops), out: space.Outcome{Kind: space.Applied}}
	for _, op := range ops {
		if strings.HasPrefix(op.ID, "remote") {
			s.out = space.Outcome{Kind: space.Rejected, Code: "nope", Message: "said the server"}
			f.rejected = append(f.rejected, s)
			return s, nil
		}
	}
	for _, op := range ops {
		f.puts[op.ID]++
	}
	return s, nil
}

func (f *fake) Drain(context.Context) error { return nil }

func (f *fake) Rejected() (all []Rejected) {
	for _, s := range f.rejected {
		all = append(all, Rejected{s, s.ops, s.out})
	}
	return all
}

func (s *fakeSent) ID() uint64 { return s.id }

func (s *fakeSent) Wait(context.Context) (space.Outcome, error) { return s.out, nil }

func (s *fakeSent) Forget(context.Context) error {
	s.f.rejected = slices.DeleteFunc(s.f.rejected, func(o *fakeSent) bool { return o == s })
	return nil
}

// lines are n rows, of which every 97th is refused at once, every 89th by the
// server, every 101st is not valid.
func lines(n int) (text string, good int) {
	var b strings.Builder
	for i := 1; i <= n; i++ {
		switch {
		case i%101 == 0:
			fmt.Fprintf(&b, "{\"nothing\":%d}\n", i)
		case i%97 == 0:
			fmt.Fprintf(&b, "{\"id\":\"local%d\"}\n", i)
		case i%89 == 0:
			fmt.Fprintf(&b, "{\"id\":\"remote%d\"}\n", i)
		default:
			good++
			fmt.Fprintf(&b, "{\"id\":\"r%d\"}\n", i)
		}
	}
	return b.String(), good
}

func reader(t *testing.T, text string) rows.Reader {
	r, err := rows.NewReader(rows.NDJSON, strings.NewReader(text), rows.Options{Identity: rows.Identity{Field: "id"}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestOnce: however often an import is cut off, each good row is put once and each
// bad one is told; those that were refused by the server may be told twice.
func TestOnce(t *testing.T) {
	const n = 1000
	text, good := lines(n)
	for _, step := range []int{-1, 1, 3, 7} {
		mem := memstore.New()
		f := &fake{t: t, puts: map[string]int{}}
		told := map[string]int{}
		runs := 0
		for {
			runs++
			tracker, err := Track(t.Context(), mem, "s", "file")
			if err != nil {
				t.Fatal(err)
			}
			f.store, f.left = tracker, step
			counts, err := Run(t.Context(), reader(t, text), f, Options{
				Collection: "c", Tracker: tracker, Progress: func(Counts) {},
				Refused: func(r Refusal) { told[fmt.Sprint(r.ID, "/", r.Code)]++ },
			})
			if err == nil {
				if runs == 1 && (counts.Applied != int64(good) || counts.Rows != n || counts.Refused != n-int64(good)) {
					t.Errorf("counts %+v, %d good", counts, good)
				}
				break
			}
			if !errors.Is(err, errCut) {
				t.Fatal(err)
			}
		}
		for id, times := range f.puts {
			if times != 1 {
				t.Errorf("cut off after %d: %s was put %d times", step, id, times)
			}
		}
		if len(f.puts) != good {
			t.Errorf("cut off after %d: %d rows were put, want %d", step, len(f.puts), good)
		}
		if len(f.rejected) > 0 {
			t.Errorf("cut off after %d: %d rejected mutations are left", step, len(f.rejected))
		}
		for i := 1; i <= n; i++ {
			if i%101 != 0 && i%97 == 0 && told[fmt.Sprintf("local%d/invalid", i)] == 0 {
				t.Errorf("cut off after %d: row %d is not told", step, i)
			}
			if i%101 != 0 && i%97 != 0 && i%89 == 0 && told[fmt.Sprintf("remote%d/nope", i)] == 0 {
				t.Errorf("cut off after %d: row %d is not told", step, i)
			}
		}
	}
}

func TestStrict(t *testing.T) {
	tracker, err := Track(t.Context(), memstore.New(), "s", "file")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{t: t, puts: map[string]int{}, store: tracker, left: -1}
	_, err = Run(t.Context(), reader(t, "{\"id\":\"a\"}\n{}\n{\"id\":\"b\"}\n"), f, Options{
		Collection: "c", Strict: true, Tracker: tracker, Progress: func(Counts) {}, Refused: func(Refusal) {},
	})
	if !errors.Is(err, ErrStrict) || len(f.puts) != 1 {
		t.Errorf("error %v after %v", err, f.puts)
	}
}

func TestTrackerKeepsImportsApart(t *testing.T) {
	mem := memstore.New()
	if _, err := Track(t.Context(), mem, "s", "one"); err != nil {
		t.Fatal(err)
	}
	if _, err := Track(t.Context(), mem, "s", "one"); err != nil {
		t.Fatal(err)
	}
	var source *SourceError
	if _, err := Track(t.Context(), mem, "s", "two"); !errors.As(err, &source) {
		t.Errorf("error %v", err)
	}
}

// TestBounds: a mutation has no more than its rows and bytes.
func TestBounds(t *testing.T) {
	var b strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&b, "{\"id\":\"r%d\",\"x\":%q}\n", i, strings.Repeat("x", i*10))
	}
	tracker, err := Track(t.Context(), memstore.New(), "s", "file")
	if err != nil {
		t.Fatal(err)
	}
	f := &measure{fake: fake{t: t, puts: map[string]int{}, store: tracker, left: -1}}
	if _, err := Run(t.Context(), reader(t, b.String()), f, Options{Collection: "c", Tracker: tracker, Progress: func(Counts) {}, Refused: func(Refusal) {}}); err != nil {
		t.Fatal(err)
	}
	if f.rows > batchRows || f.bytes > batchBytes+20_000 || len(f.puts) != 1000 {
		t.Errorf("up to %d rows and %d bytes in a mutation", f.rows, f.bytes)
	}
}

type measure struct {
	fake
	rows, bytes int
}

func (m *measure) Send(ctx context.Context, ops []space.Op) (Sent, error) {
	size := 0
	for _, op := range ops {
		size += len(op.Value)
		if !jsontext.Value(op.Value).IsValid() {
			m.t.Errorf("%s is no JSON", op.Value)
		}
	}
	m.rows, m.bytes = max(m.rows, len(ops)), max(m.bytes, size)
	return m.fake.Send(ctx, ops)
}
