package core

import (
	"errors"
	"testing"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

// TestNotLoaded: what is wanted and has yet to come looks like what is not there. Nothing serializable may be
// computed from that: the server would find that nothing has changed since.
func TestNotLoaded(t *testing.T) {
	r := newRig(t, func(o *Options) { o.View = space.View{{In: "cards"}} })
	reads := &space.Reads{Keys: []space.KeyPair{{"notes", "n1"}}}
	where := &space.Reads{Where: []space.Part{{In: "notes"}}}
	try := func(reads *space.Reads) error {
		if reads != nil {
			reads.At = r.core.Status().Cursor.Seq
		}
		_, _, err := r.core.Mutate(bg, epoch, []space.Op{put("c9", `{}`)}, reads)
		return err
	}
	wants := func(want error) {
		t.Helper()
		for _, reads := range []*space.Reads{reads, where} {
			if err := try(reads); !errors.Is(err, want) {
				t.Errorf("%v, want %v", err, want)
			}
		}
		if err := r.core.Readable("notes"); !errors.Is(err, want) {
			t.Errorf("Readable: %v, want %v", err, want)
		}
		for _, reads := range []*space.Reads{nil, {Keys: []space.KeyPair{{"cards", "c1"}}}} {
			if err := try(reads); err != nil {
				t.Error(err)
			}
		}
	}
	wants(nil) // nothing has come at all: stale, if there is anything
	r.connect(0, cur(0))
	r.receive(reset(cur(2), entry("c1", 1, `{"n":1}`)))
	wants(nil) // not wanted
	if _, err := r.core.SetView(bg, epoch, space.View{{In: "cards"}, {In: "notes"}}); err != nil {
		t.Fatal(err)
	}
	wants(ErrNotLoaded)
	r.open() // a restart knows it, too
	wants(nil)
	if _, err := r.core.SetView(bg, epoch, space.View{{In: "cards"}, {In: "notes"}}); err != nil {
		t.Fatal(err)
	}
	wants(ErrNotLoaded)
	r.connect(0, cur(3))
	r.receive(&wire.Diff{View: "v", From: cur(2), To: cur(3), Put: []wire.Row{{Key: space.Key{Collection: "notes", ID: "n1"}, Version: 2, Value: []byte(`{}`)}}})
	wants(nil)

	// The same where the program has come to speak another version.
	r.opt.View = space.View{{In: "cards"}, {In: "notes"}}
	r.opt.Versions = space.Versions{"notes": 2}
	r.open()
	wants(ErrNotLoaded)
}
