package memstore

import (
	"hash/fnv"

	"github.com/syncline/syncline/space"
)

// A node of a persistent treap from keys to versions. Nodes are never altered
// once they are reachable from a space: a change copies the path to the root.
// So a root is a snapshot, for free, of views and of clones alike. Priorities
// are a hash of the key: the shape depends on nothing but the keys it holds.
type node struct {
	key         space.Key
	priority    uint64
	newest      *version
	left, right *node
}

// A version and those before it. Immutable too.
type version struct {
	space.Version
	older *version
}

// at finds the newest version at or below seq, nil if there is none.
func (v *version) at(seq space.Seq) *version {
	for v != nil && v.Seq > seq {
		v = v.older
	}
	return v
}

// cut returns v without what the horizon makes superfluous: older versions than
// the newest at or below it, and that one too if it is a deletion.
func (v *version) cut(horizon space.Seq) *version {
	if v == nil {
		return nil
	}
	if v.Seq > horizon {
		return &version{v.Version, v.older.cut(horizon)}
	}
	if v.Deleted {
		return nil
	}
	return &version{v.Version, nil}
}

func (n *node) get(key space.Key) *version {
	for n != nil {
		switch c := key.Compare(n.key); {
		case c < 0:
			n = n.left
		case c > 0:
			n = n.right
		default:
			return n.newest
		}
	}
	return nil
}

// set returns n with v at key.
func (n *node) set(key space.Key, v *version) *node {
	if n == nil {
		return &node{key: key, priority: priority(key), newest: v}
	}
	m := *n
	switch c := key.Compare(n.key); {
	case c < 0:
		m.left = n.left.set(key, v)
		if l := m.left; l.priority > m.priority {
			// l is ours: set has just made it, so it may be altered.
			m.left, l.right = l.right, &m
			return l
		}
	case c > 0:
		m.right = n.right.set(key, v)
		if r := m.right; r.priority > m.priority {
			m.right, r.left = r.left, &m
			return r
		}
	default:
		m.newest = v
	}
	return &m
}

// remove returns n without key.
func (n *node) remove(key space.Key) *node {
	if n == nil {
		return nil
	}
	m := *n
	switch c := key.Compare(n.key); {
	case c < 0:
		m.left = n.left.remove(key)
	case c > 0:
		m.right = n.right.remove(key)
	default:
		return merge(n.left, n.right)
	}
	return &m
}

// merge joins two treaps, all keys of a before those of b.
func merge(a, b *node) *node {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case a.priority > b.priority:
		m := *a
		m.right = merge(a.right, b)
		return &m
	default:
		m := *b
		m.left = merge(a, b.left)
		return &m
	}
}

// scan calls yield for the keys above after, in order, until it returns false.
func (n *node) scan(after space.Key, yield func(*node) bool) bool {
	if n == nil {
		return true
	}
	if n.key.Compare(after) <= 0 {
		return n.right.scan(after, yield)
	}
	return n.left.scan(after, yield) && yield(n) && n.right.scan(after, yield)
}

func priority(key space.Key) uint64 {
	h := fnv.New64a()
	h.Write([]byte(key.Collection))
	h.Write([]byte{0})
	h.Write([]byte(key.ID))
	x := h.Sum64()
	// FNV's high bits hardly depend on the last byte; finish as splitmix64 does.
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
