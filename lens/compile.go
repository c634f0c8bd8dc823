package lens

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/value"
)

// Bounds of a collection's lenses.
const (
	MaxVersion = 1 << 20
	MaxSteps   = 256  // of all versions
	MaxTable   = 1024 // pairs of one table
)

// Compile makes the lens of a collection, nil if that has had one version only. fail is
// told of everything that is wrong, and where it stands below the collection.
func Compile(d definition.Versions, fail func(at []string, err error)) *Lens {
	c := &compiler{fail: fail}
	l := &Lens{version: max(1, d.Version)}
	if l.version > MaxVersion {
		fail([]string{"version"}, fmt.Errorf("the highest version is %d", MaxVersion))
		return nil
	}
	l.floor = l.version
	for i, of := range d.Lenses {
		at := []string{"lenses", strconv.Itoa(i)}
		if i == 0 && of.To > 1 {
			l.floor = of.To - 1
		}
		if want := l.floor + uint32(i) + 1; of.To < 2 || i > 0 && of.To != d.Lenses[0].To+uint32(i) {
			fail(append(at, "to"), fmt.Errorf("lenses lead from each version to the next: this one would be to version %d, not %d", max(2, want), of.To))
			return nil
		}
		for j, s := range of.Steps {
			c.at = append(append([]string{}, at...), "steps", strconv.Itoa(j))
			if compiled, ok := c.step(of.To, s); ok {
				c.take(l, compiled)
			}
		}
	}
	if n := len(d.Lenses); n > 0 && d.Lenses[n-1].To != l.version {
		fail([]string{"lenses"}, fmt.Errorf("the lenses end at version %d, the collection is at version %d", d.Lenses[n-1].To, l.version))
		return nil
	}
	if len(l.steps) > MaxSteps {
		fail([]string{"lenses"}, fmt.Errorf("%d steps; the limit is %d", len(l.steps), MaxSteps))
	}
	l.oldest = l.floor
	if d.Oldest != 0 {
		if l.oldest = d.Oldest; d.Oldest < l.floor || d.Oldest > l.version {
			fail([]string{"oldest"}, fmt.Errorf("the lenses reach from version %d to %d", l.floor, l.version))
		}
	}
	if l.version == 1 {
		return nil
	}
	return l
}

type compiler struct {
	at   []string
	fail func(at []string, err error)
}

func (c *compiler) bad(at string, format string, args ...any) {
	c.fail(append(append([]string{}, c.at...), at), fmt.Errorf(format, args...))
}

// take adds a step, if what it speaks of is not another field by now.
func (c *compiler) take(l *Lens, s step) {
	fresh := s.into // a name that fields of this version get
	if s.kind == fills {
		fresh = s.path
	}
	for i := range l.retired {
		gone := l.retired[i].path
		if overlap(fresh, gone) || overlap(s.path, gone) {
			c.fail(c.at, fmt.Errorf("version %d has dropped %s, which is kept for older clients: this needs another name", l.retired[i].to, gone))
			return
		}
	}
	l.steps = append(l.steps, s)
	if s.kind == retires {
		l.retired = append(l.retired, s)
	}
}

func overlap(a, b value.Path) bool {
	return len(a) > 0 && len(b) > 0 && (a.Covers(b) || b.Covers(a))
}

func (c *compiler) step(to uint32, d definition.LensStep) (s step, ok bool) {
	s.to = to
	n := 0
	one := func(k kind, name string, of *definition.FieldStep) {
		if of == nil {
			return
		}
		n++
		c.at = append(c.at, name)
		s.kind = k
		s.path, ok = c.path("path", of.Path)
		if of.Value != nil && k != fills && k != retires {
			c.bad("value", "only a default and a drop have a value")
		}
		if s.valued = of.Value != nil; s.valued {
			s.value = c.value("value", of.Value)
		} else if k == fills {
			c.bad("path", "a default has a value")
		}
	}
	one(fills, "default", d.Default)
	one(retires, "drop", d.Drop)
	one(wraps, "wrap", d.Wrap)
	one(unwraps, "unwrap", d.Unwrap)
	if d.Rename != nil {
		n++
		c.at = append(c.at, "rename")
		s.kind = renames
		var from, into bool
		s.path, from = c.path("from", d.Rename.From)
		s.into, into = c.path("to", d.Rename.To)
		if ok = from && into; ok && overlap(s.path, s.into) {
			c.bad("to", "%s and %s are the same field or a part of it", s.path, s.into)
			ok = false
		}
	}
	if d.Convert != nil {
		n++
		c.at = append(c.at, "convert")
		s.kind = converts
		ok = c.convert(&s, d.Convert)
	}
	if n != 1 {
		c.fail(c.at, errors.New("a step is one of rename, default, drop, convert, wrap and unwrap"))
		return s, false
	}
	return s, ok
}

func (c *compiler) convert(s *step, d *definition.Convert) (ok bool) {
	if s.path, ok = c.path("path", d.Path); !ok {
		return false
	}
	if len(d.Table) > MaxTable {
		c.bad("table", "%d pairs; the limit is %d", len(d.Table), MaxTable)
		return false
	}
	for _, pair := range d.Table {
		if len(pair) != 2 {
			c.bad("table", "a table is of pairs: the value before and the value after")
			return false
		}
		s.table = append(s.table, [2]any{c.value("table", pair[0]), c.value("table", pair[1])})
	}
	for side, other := range map[int]jsontext.Value{0: d.Up, 1: d.Down} {
		if s.others[side] = other != nil; other != nil {
			s.other[side] = c.value([]string{"up", "down"}[side], other)
		}
	}
	return true
}

func (c *compiler) path(at, text string) (value.Path, bool) {
	path, err := value.ParsePath(text)
	if err != nil {
		c.bad(at, "%w", err)
	}
	return path, err == nil
}

func (c *compiler) value(at string, raw jsontext.Value) any {
	v, err := value.ParseAny(raw)
	if err != nil {
		c.bad(at, "%w", err)
	}
	return v
}
