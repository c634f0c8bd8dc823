package kernel

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/syncline/syncline/space"
)

// MaxReadAge is how many commits may lie between what a serializable mutation
// read and the head; an older read is stale, whatever has changed.
const MaxReadAge = 10_000

// checkReads refuses a mutation whose read set no longer holds.
//
// What the client changed itself is no reason: it saw its own queued mutations.
// But it saw them applied, so one that was rejected meanwhile is.
func (p *Plan) checkReads(w Writer, r *space.Reads) error {
	stale := func(path string, key space.Key, format string, args ...any) error {
		return &space.Refusal{Code: space.CodeStale, Path: path, Message: fmt.Sprintf(format, args...), Key: key}
	}
	invalid := func(path string, err error) error {
		return &space.Refusal{Code: space.CodeInvalid, Path: path, Message: Clip(err.Error())}
	}
	if r.At > p.head.Seq {
		return &space.Refusal{Code: space.CodeInvalid, Path: "reads.at", Message: fmt.Sprintf("commit %d does not exist yet", r.At)}
	}
	if len(r.Keys)+len(r.Where) > p.limits.Ops {
		return &space.Refusal{Code: space.CodeTooLarge, Path: "reads", Message: fmt.Sprintf("more reads than the limit ops, %d", p.limits.Ops)}
	}
	if r.Scope != "" && r.Scope != p.guard.Scope() {
		return stale("reads.scope", space.Key{}, "what you may see is decided otherwise than it was")
	}
	if p.head.Seq-r.At > MaxReadAge {
		return stale("reads.at", space.Key{}, "read %d commits ago; %d are looked through", p.head.Seq-r.At, MaxReadAge)
	}
	keys := make(map[space.Key]int, len(r.Keys))
	for i, pair := range r.Keys {
		key, err := space.ParseKey(pair[0], pair[1])
		if err != nil {
			return invalid(fmt.Sprintf("reads.keys[%d]", i), err)
		}
		keys[key] = i
	}
	view, err := CompileView(r.Where, p.limits)
	if err != nil {
		return invalid("reads.where", err)
	}
	for _, part := range r.Where {
		if part.V > 1 {
			return invalid("reads.where", errors.New("the versions of what is read are said of the mutation as a whole"))
		}
	}
	view = view.Within(sights{p.guard})

	touched := map[space.Key]struct{}{} // by others, where a selector looks
	check := func(c *space.Commit) error {
		// Its own commits, too: it could not see what they would let it see.
		for i := range c.Changes {
			if decisive, err := p.decisive(c.Changes[i].Key, c.Seq, r.At); err != nil {
				return err
			} else if decisive {
				return stale("reads", space.Key{}, "commit %d has changed what you may see", c.Seq)
			}
		}
		if !w.Client.IsZero() && c.Client == w.Client {
			if c.Refusal != nil {
				return stale("reads", space.Key{}, "mutation %d, which this one was made upon, was rejected", c.Mutation)
			}
			return nil
		}
		for i := range c.Changes {
			key := c.Changes[i].Key
			if n, read := keys[key]; read {
				seen, err := p.noticed(key, c.Seq, r.At)
				if err != nil {
					return err
				}
				if !seen {
					continue
				}
				return stale(fmt.Sprintf("reads.keys[%d]", n), key, "the entry was changed by commit %d", c.Seq)
			}
			if view.Has(key.Collection) {
				touched[key] = struct{}{}
			}
		}
		return nil
	}
	if r.At < p.base.Seq {
		for c, err := range p.reader.Log(r.At) {
			if errors.Is(err, ErrTrimmed) {
				return stale("reads.at", space.Key{}, "the history since commit %d is no longer kept", r.At)
			}
			if err != nil {
				return err
			}
			if err := check(c); err != nil {
				return err
			}
		}
	}
	for _, c := range p.commits {
		if c.Seq > r.At {
			if err := check(c); err != nil {
				return err
			}
		}
	}
	// In the order of keys: the same plan refuses in the same words everywhere.
	for _, key := range slices.SortedFunc(maps.Keys(touched), space.Key.Compare) {
		now, err := p.get(key)
		if err != nil {
			return err
		}
		step, err := view.Step(NewDelta(key, now, func() (space.Version, error) { return p.versionAt(key, r.At) }))
		if errors.Is(err, ErrTrimmed) { // meanwhile, by another node
			return stale("reads.at", space.Key{}, "the history since commit %d is no longer kept", r.At)
		}
		if err != nil {
			return err
		}
		if step.Action != None {
			return stale("reads.where", key, "an entry that was read by a selector has changed, come or gone")
		}
	}
	return nil
}

// versionAt reads history, the plan's own commits included.
func (p *Plan) versionAt(key space.Key, at space.Seq) (space.Version, error) {
	for i := len(p.commits) - 1; i >= 0; i-- {
		c := p.commits[i]
		if c.Seq > at {
			continue
		}
		for j := range c.Changes {
			if change := &c.Changes[j]; change.Key == key {
				return change.Version(c.Seq), nil
			}
		}
	}
	return p.reader.Get(key, min(at, p.base.Seq))
}

// sights are what a guard lets be seen, as one filter.
type sights struct{ guard Guard }

func (sights) ID() string { return "" }

func (s sights) See(collection string, doc map[string]any) (shown map[string]any, whole, visible bool) {
	if f := s.guard.Sight(collection); f != nil {
		return f.See(collection, doc)
	}
	return doc, true, true
}

func (s sights) Masks(collection string) bool {
	f := s.guard.Sight(collection)
	return f != nil && f.Masks(collection)
}

func (s sights) Alters(collection string) bool {
	f := s.guard.Sight(collection)
	return f != nil && f.Alters(collection)
}

// noticed reports whether the principal could notice that a commit changed an
// entry, which they read at the commit at: what they may not see has changed nothing for them, and must not be told of.
func (p *Plan) noticed(key space.Key, seq, at space.Seq) (bool, error) {
	sight := p.guard.Sight(key.Collection)
	if sight == nil {
		return true, nil
	}
	visible := func(v space.Version) (bool, error) {
		_, ok, err := Show(sight, key, v)
		return ok, err
	}
	now, err := p.get(key)
	if err != nil {
		return false, err
	}
	seen, err := visible(now)
	for _, at := range []space.Seq{seq, at} {
		if err == nil && !seen {
			seen, err = p.judge(key, at, func(_ space.Key, v space.Version) (bool, error) { return visible(v) })
		}
	}
	if err != nil || !seen || !sight.Masks(key.Collection) {
		return seen, err
	}
	// A change of what is left out is none.
	var shown [2]space.Seq
	for i, at := range []space.Seq{seq - 1, seq} {
		v, err := p.versionAt(key, at)
		if errors.Is(err, ErrTrimmed) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
		if v, _, err = Show(sight, key, v); err != nil {
			return false, err
		}
		if v.Live() {
			shown[i] = v.Seq
		}
	}
	return shown[0] != shown[1], nil
}

// decisive reports whether a commit made what the principal may see another.
func (p *Plan) decisive(key space.Key, seq, at space.Seq) (bool, error) {
	if p.Track == nil || !p.Track(key.Collection) {
		return false, nil
	}
	yes, err := p.judge(key, seq, p.guard.Decisive)
	if yes || err != nil {
		return yes, err
	}
	return p.judge(key, at, p.guard.Decisive)
}

// judge asks the guard about a version of an entry. Of one that is no longer kept nobody knows: the answer is yes.
func (p *Plan) judge(key space.Key, at space.Seq, ask func(space.Key, space.Version) (bool, error)) (bool, error) {
	v, err := p.versionAt(key, at)
	if errors.Is(err, ErrTrimmed) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return ask(key, v)
}
