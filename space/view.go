package space

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// A View says what a replica holds of a space: for each part the entries of a
// collection that its selector matches. Several parts may name one collection;
// an entry is in the view if any part matches it.
type View []Part

// A Part is one collection, cut down by a selector; an absent selector takes
// all of it.
type Part struct {
	In    string         `json:"in"`
	Where jsontext.Value `json:"where,omitzero"`
	V     uint32         `json:"v,omitzero"` // the version of the collection that its reader speaks; 0 is 1
}

// Versions are the versions of collections that somebody speaks, but for those that are 1.
type Versions map[string]uint32

// Of is the version of one collection.
func (v Versions) Of(collection string) uint32 { return max(1, v[collection]) }

// Versions are those that the parts of v speak.
func (v View) Versions() Versions {
	out := Versions{}
	for _, p := range v {
		if p.V > 1 {
			out[p.In] = p.V
		}
	}
	return out
}

// Canonical returns v with its parts in order and without repetition, so that
// equal views are equal text. Selectors must already be in canonical form.
func (v View) Canonical() View {
	out := slices.Clone(v)
	for i := range out {
		if string(out[i].Where) == "{}" {
			out[i].Where = nil
		}
		if out[i].V == 1 {
			out[i].V = 0
		}
	}
	slices.SortFunc(out, comparePart)
	out = slices.CompactFunc(out, func(a, b Part) bool { return comparePart(a, b) == 0 })
	// A part without selector holds every other part of its collection.
	whole := map[string]bool{}
	for _, p := range out {
		if p.Where == nil {
			whole[p.In] = true
		}
	}
	return slices.DeleteFunc(out, func(p Part) bool { return p.Where != nil && whole[p.In] })
}

func comparePart(a, b Part) int {
	if c := strings.Compare(a.In, b.In); c != 0 {
		return c
	}
	return strings.Compare(string(a.Where), string(b.Where))
}

// ID is a short name for a canonical view, equal for equal views.
func (v View) ID() string {
	h := sha256.New()
	for _, p := range v {
		h.Write([]byte(p.In + "\x00" + strconv.Itoa(len(p.Where)) + "\x00"))
		h.Write(p.Where)
		if p.V > 1 {
			h.Write([]byte("\x00" + strconv.FormatUint(uint64(p.V), 10) + "\x00"))
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
