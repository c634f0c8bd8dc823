package core

import (
	"cmp"
	"slices"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/selector"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

// A drop says by one selector what is to leave a replica, in the place of many
// deletions. Which selectors are worth it is guessed from what the old view had and
// the new one has not; that nothing leaves which is to stay does not depend on the
// guess: whatever a drop covers and both views hold is sent again.
type drop struct {
	part  space.Part
	where *selector.Selector // nil: the whole collection
	saved int                // bytes of the deletions that it stands for, about
	cost  int                // bytes of itself and of what it makes be sent again, about
	kept  int                // entries that it makes be sent again
}

const (
	maxGuesses = 64 // selectors that are tried on a collection
	maxKept    = 64 // entries that a drop may make be sent again
	rowBytes   = 16 // of a row of a diff, beside names and record

	fewBytes = 4 << 10 // of rows that are sent one by one, whatever a drop might save
)

func (d *drop) covers(doc map[string]any) bool { return d.where == nil || d.where.Match(doc) }

// drops are those of one diff, by collection.
type drops map[string][]*drop

// lost finds the drops for the difference between what a replica holds and what it is
// to hold. If there is anything to try it goes through both views once; a difference of
// a few rows it then has already, and nobody need go through them again.
func (c *CatchUp) lost(next *kernel.View, before, after kernel.Snapshot) (gone drops, few []kernel.Step, whole bool, err error) {
	if !c.drops || c.held == nil {
		return nil, nil, false, nil
	}
	tried := drops{}
	for _, collection := range c.held.Collections() {
		if guesses := guess(c.held, next, collection); len(guesses) > 0 {
			tried[collection] = guesses
		}
	}
	if len(tried) == 0 {
		return nil, nil, false, nil
	}
	room := fewBytes
	if c.cfg.EagerDrops {
		room = 0
	}
	for step, err := range kernel.Compare(c.held, before, next, after, kernel.Collections(c.held, next)) {
		if err == nil {
			err = tried.weigh(step)
		}
		if err != nil {
			return nil, nil, false, err
		}
		if step.Action == kernel.None || room < 0 {
			continue
		}
		if room -= rowSize(step); room < 0 {
			few = nil
			continue
		}
		step.Entry.Payload = slices.Clone(step.Entry.Payload)
		few = append(few, step)
	}
	if room >= 0 && !c.cfg.EagerDrops {
		return nil, few, true, nil
	}
	return tried.best(c.cfg.EagerDrops), nil, false, nil
}

// rowSize is about how many bytes a step takes in a diff.
func rowSize(step kernel.Step) int {
	n := rowBytes + len(step.Entry.Key.Collection) + len(step.Entry.Key.ID)
	if step.Action != kernel.Del {
		n += len(step.Entry.Payload)
	}
	return n
}

// guess lists selectors of what may have been lost.
func guess(old, next *kernel.View, collection string) []*drop {
	var out []*drop
	seen := map[string]bool{}
	add := func(where []byte) bool {
		d := &drop{part: space.Part{In: collection}}
		if where != nil {
			var err error
			if d.where, err = selector.Parse(where); err != nil {
				return true // no selector can say it
			}
			d.part.Where = []byte(d.where.String())
		}
		if text := string(d.part.Where); !seen[text] && len(text) <= wire.MaxDropBytes {
			seen[text] = true
			d.cost = rowBytes + len(collection) + len(text)
			out = append(out, d)
		}
		return len(out) < maxGuesses
	}
	if !next.Has(collection) {
		add(nil)
		return out
	}
	was, isScope := old.Filter().(*authz.Scope)
	is, limited := next.Filter().(*authz.Scope)
	switch {
	case limited && isScope:
		was.Lost(is, collection, add)
	case limited:
		add(nil)
	}
	for _, part := range old.Source() {
		same := func(p space.Part) bool { return p.In == part.In && string(p.Where) == string(part.Where) }
		if part.In == collection && len(out) < maxGuesses && !slices.ContainsFunc(next.Source(), same) {
			add(part.Where)
		}
	}
	return out
}

// weigh takes note of what an entry means for the drops that are tried: the first
// that covers one which leaves saves its deletion.
func (t drops) weigh(step kernel.Step) error {
	key := step.Entry.Key
	list := t[key.Collection]
	if len(list) == 0 || step.Action == kernel.Put {
		return nil
	}
	doc, err := step.Doc()
	if err != nil {
		return err
	}
	if step.Action == kernel.Del {
		if i := slices.IndexFunc(list, func(d *drop) bool { return d.covers(doc) }); i >= 0 {
			list[i].saved += rowSize(step)
		}
		return nil
	}
	t[key.Collection] = slices.DeleteFunc(list, func(d *drop) bool {
		if d.covers(doc) {
			d.kept, d.cost = d.kept+1, d.cost+rowSize(step)
		}
		return d.kept > maxKept
	})
	return nil
}

// best keeps the drops that pay, the best of them if they are many; all that save
// anything if eager.
func (t drops) best(eager bool) drops {
	var all []*drop
	for _, list := range t {
		for _, d := range list {
			if d.saved > 0 && (eager || d.saved > d.cost) {
				all = append(all, d)
			}
		}
	}
	slices.SortFunc(all, func(a, b *drop) int {
		return cmp.Or(cmp.Compare(b.saved-b.cost, a.saved-a.cost), cmp.Compare(a.part.In, b.part.In), cmp.Compare(string(a.part.Where), string(b.part.Where)))
	})
	out := drops{}
	for _, d := range all[:min(len(all), wire.MaxDrops)] {
		out[d.part.In] = append(out[d.part.In], d)
	}
	return out
}

// parts are the drops as they are told.
func (t drops) parts() []space.Part {
	var out space.View
	for _, list := range t {
		for _, d := range list {
			out = append(out, d.part)
		}
	}
	slices.SortFunc(out, func(a, b space.Part) int {
		return cmp.Or(cmp.Compare(a.In, b.In), cmp.Compare(string(a.Where), string(b.Where)))
	})
	return out
}

// amend makes of a step what is left to be said of it beside the drops: nothing of what
// leaves by one, and all of what is to stay.
func (t drops) amend(step kernel.Step, blind bool) (kernel.Step, error) {
	list := t[step.Entry.Key.Collection]
	if len(list) == 0 || step.Action == kernel.Put {
		return step, nil
	}
	doc, err := step.Doc()
	if err != nil {
		return step, err
	}
	if !slices.ContainsFunc(list, func(d *drop) bool { return d.covers(doc) }) {
		return step, nil
	}
	switch {
	case step.Action == kernel.Del:
		step.Action = kernel.None
	case !blind:
		step.Action = kernel.Put
	}
	return step, nil
}
