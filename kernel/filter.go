package kernel

import (
	"encoding/binary"
	"fmt"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/value"
)

// A Filter is what somebody may see of a space, as of some time. It is immutable.
type Filter interface {
	// ID is short, and equal for filters that show the same of the collections that they were made for.
	ID() string
	// See returns an entry as it is shown (doc itself and whole, if it is shown as it
	// is), and whether it may be seen at all; if not, shown is for those only who have just written it themselves.
	See(collection string, doc map[string]any) (shown map[string]any, whole, visible bool)
	// Masks reports whether something that may not be seen may be left out of entries that are
	// shown. Their versions are then made by Masked.
	Masks(collection string) bool
	// Alters reports whether entries may be shown otherwise than they are: without what is masked, or
	// as an older version of the collection has them. What is made of them then has to be made whole again.
	Alters(collection string) bool
}

// Within returns the view cut down to what the filter allows; nil allows everything.
func (v *View) Within(f Filter) *View {
	cut := *v
	cut.filter, cut.class = f, v.id
	if f != nil {
		cut.class += " " + f.ID()
	}
	return &cut
}

// Filter is what Within was called with.
func (v *View) Filter() Filter { return v.filter }

// Class is equal for views that hold the same, whoever asked for them.
func (v *View) Class() string { return v.class }

// Show returns a version as the filter shows it, and whether it may be seen at all;
// nil shows everything as it is. What is not there is asked about as often as what is.
func Show(f Filter, key space.Key, v space.Version) (is space.Version, visible bool, err error) {
	return show(f, key, v, Doc)
}

func show(f Filter, key space.Key, v space.Version, read func(space.Key, space.Version) (map[string]any, error)) (is space.Version, visible bool, err error) {
	if f == nil {
		return v, v.Live(), nil
	}
	record, whole, visible, err := Look(f, key, v, read)
	if err != nil || !v.Live() {
		return v, false, err
	}
	return shown(f, key.Collection, v, record, whole), visible, nil
}

// Look asks a filter about a version, of which read has the record: what of it is shown, whether that is all of it, and whether it may be
// seen at all. What is not there is asked about as often as what is.
func Look(f Filter, key space.Key, v space.Version, read func(space.Key, space.Version) (map[string]any, error)) (record map[string]any, whole, visible bool, err error) {
	if !v.Live() {
		f.See(key.Collection, nil)
		return nil, true, false, nil
	}
	doc, err := read(key, v)
	if err != nil {
		return nil, false, false, err
	}
	record, whole, visible = f.See(key.Collection, doc)
	return record, whole, visible, nil
}

// shown is the version v with the record that is shown of it.
func shown(f Filter, collection string, v space.Version, record map[string]any, whole bool) space.Version {
	if !whole {
		v.Payload = value.Encode(record)
	}
	if f.Masks(collection) {
		v.Seq = Masked(v.Payload)
	}
	return v
}

// Masked is the version number of an entry of which something may be left out: a
// digest of what is shown. The seq of the commit would tell when something
// changed that is not shown, and that anything did.
func Masked(payload []byte) space.Seq {
	sum := space.PayloadHash(payload)
	return space.Masked | space.Seq(binary.BigEndian.Uint64(sum[:8])>>12)
}

// Doc reads the record of a version, nil if that is not live.
func Doc(key space.Key, v space.Version) (map[string]any, error) {
	if !v.Live() {
		return nil, nil
	}
	doc, err := value.Parse(v.Payload)
	if err != nil {
		return nil, fmt.Errorf("entry %s at %d: %w", key, v.Seq, err)
	}
	return doc, nil
}
