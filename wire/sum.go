package wire

import (
	"fmt"
	"strconv"

	"github.com/syncline/syncline/space"
)

// A Sum is the check sum of a set of entries (docs/PROTOCOL.md, section 6). It
// does not depend on their order, and entries can be taken out again. It finds
// divergence, not malice.
type Sum struct {
	Count int
	a, b  uint32
}

// Add adds an entry at a version.
func (s *Sum) Add(key space.Key, version space.Seq) {
	a, b := sumOf(key, version)
	s.Count, s.a, s.b = s.Count+1, s.a+a, s.b+b
}

// Remove takes out an entry that was added.
func (s *Sum) Remove(key space.Key, version space.Seq) {
	a, b := sumOf(key, version)
	s.Count, s.a, s.b = s.Count-1, s.a-a, s.b-b
}

// String is the text form of the sum; the count travels beside it.
func (s Sum) String() string { return fmt.Sprintf("%08x%08x", s.a, s.b) }

func sumOf(key space.Key, version space.Seq) (a, b uint32) {
	const prime = 0x01000193
	a, b = 0x811c9dc5, 0x9e3779b9
	step := func(c byte) { a, b = (a^uint32(c))*prime, (b^uint32(c))*prime }
	for i := 0; i < len(key.Collection); i++ {
		step(key.Collection[i])
	}
	step(0)
	for i := 0; i < len(key.ID); i++ {
		step(key.ID[i])
	}
	step(0)
	var digits [20]byte
	for _, c := range strconv.AppendUint(digits[:0], uint64(version), 10) {
		step(c)
	}
	return a, b
}
