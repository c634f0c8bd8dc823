package history_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/host"
	"github.com/syncline/syncline/host/history"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/memstore"
)

func record(t *testing.T, text, script string) *history.Record {
	t.Helper()
	d, err := definition.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	r, err := history.Of(d, script, "app.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func open(n int) string { return fmt.Sprintf(`{"spaces":{"a%d":{"open":"true"}}}`, n) }

func TestHistory(t *testing.T) {
	st := memstore.New()
	h := history.New(st, func() time.Time { return time.UnixMilli(5000) })
	if all, err := h.All(t.Context()); err != nil || all != nil {
		t.Errorf("of a new store: %v, %v", all, err)
	}
	if _, err := h.Get(t.Context(), 1); err == nil {
		t.Error("there is a first one")
	}
	for i := range history.MaxRecords + 5 {
		r := record(t, open(i), strings.Repeat("x", i))
		if err := h.Add(t.Context(), r); err != nil || r.Number != i+1 {
			t.Fatalf("%d: %v", r.Number, err)
		}
	}
	var switches []host.Switch
	for i := range history.MaxSwitches + 7 {
		switches = append(switches, host.Switch{Space: space.Path(fmt.Sprintf("a%06d", i)), Seq: space.Seq(i)})
	}
	if err := h.Switched(t.Context(), 30, switches); err != nil {
		t.Fatal(err)
	}
	again := history.New(st, nil)
	all, err := again.All(t.Context())
	if err != nil || len(all) != history.MaxRecords || all[0].Number != 6 || all[len(all)-1].Number != history.MaxRecords+5 {
		t.Fatalf("%d are kept: %v", len(all), err)
	}
	for i, r := range all {
		d, err := r.Said()
		if err != nil {
			t.Fatal(err)
		}
		if want := record(t, open(i+5), strings.Repeat("x", i+5)); d.Version() != want.Version || r.Digest != want.Digest || r.Script != want.Script {
			t.Errorf("%d: %+v", i, r)
		}
	}
	r, err := again.Get(t.Context(), 30)
	if err != nil || len(r.Switches) != history.MaxSwitches || r.More != 7 || r.Switches[3].Seq != 3 {
		t.Errorf("%v, %d and %d", err, len(r.Switches), r.More)
	}
	if _, err := again.Get(t.Context(), 3); err == nil || !strings.Contains(err.Error(), "those from 6 to 55 are") {
		t.Errorf("one that is gone: %v", err)
	}
	// Its own history is not kept: the store does not grow with the number of changes.
	if head, err := st.Head(t.Context(), history.Path); err != nil || head.Horizon != head.Cursor {
		t.Errorf("%+v, %v", head, err)
	}
}

// TestBytes: what is large pushes out more than one; the newest stays whatever its size.
func TestBytes(t *testing.T) {
	h := history.New(memstore.New(), nil)
	for i := range 10 {
		if err := h.Add(t.Context(), record(t, open(i), strings.Repeat("x", 4<<20))); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := h.All(t.Context()); err != nil || len(all) != 7 || all[6].Number != 10 {
		t.Errorf("%d, %v", len(all), err)
	}
	if err := h.Add(t.Context(), record(t, open(99), strings.Repeat("x", history.MaxBytes))); err != nil {
		t.Fatal(err)
	}
	if all, err := h.All(t.Context()); err != nil || len(all) != 1 || all[0].Number != 11 {
		t.Errorf("%d, %v", len(all), err)
	}
}

// TestDamage: what is not what was written is an error, and the history can be begun anew.
func TestDamage(t *testing.T) {
	good := string(record(t, open(1), "").Definition)
	for _, text := range []string{
		``, `{`, `[]`, `{"number":2}`, `{"number":1,"other":1}`,
		`{"number":1,"time":"2026-01-01T00:00:00Z","version":"x","digest":"x","definition":` + good + `}`,
		`{"number":1,"time":"2026-01-01T00:00:00Z","version":"` + definition.VersionOf([]byte(good)) + `","digest":"x","definition":` + good + `}`,
		`{"number":1,"number":1,"time":"2026-01-01T00:00:00Z","version":"` + definition.VersionOf([]byte(good)) + `","digest":"` + definition.VersionOf([]byte(good)) + `","definition":` + good + `}`,
	} {
		st := memstore.New()
		c := &space.Commit{Seq: 1, Time: time.UnixMilli(1), Changes: []space.Change{{
			Key: space.Key{Collection: "records", ID: "0000000000000001"}, Type: space.Record, Payload: []byte(text), Hash: space.PayloadHash([]byte(text)),
		}}}
		c.Seal(space.Digest{})
		if err := st.Append(t.Context(), store.Batch{Space: history.Path, Commits: []*space.Commit{c}}); err != nil {
			t.Fatal(err)
		}
		h := history.New(st, nil)
		if _, err := h.All(t.Context()); !errors.Is(err, history.ErrDamaged) {
			t.Errorf("%s: %v", text, err)
		}
		if err := h.Add(t.Context(), record(t, open(2), "")); !errors.Is(err, history.ErrDamaged) {
			t.Errorf("%s: added: %v", text, err)
		}
		if err := h.Forget(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := h.Add(t.Context(), record(t, open(2), "")); err != nil {
			t.Errorf("anew: %v", err)
		}
	}
}

func TestHolds(t *testing.T) {
	for _, c := range []struct {
		r    history.Record
		want bool
	}{{history.Record{Instead: "d"}, false}, {history.Record{Restored: 3, Instead: "d"}, true}, {history.Record{Restored: 3, Instead: "e"}, false}} {
		if c.r.Holds("d") != c.want {
			t.Errorf("%+v", c.r)
		}
	}
}
