package kernel

import "github.com/syncline/syncline/space"

// docs are the records of versions, each read once however many look at it: the filter, the patch, rules, the
// schema, constraints. Whoever gets one must not alter it.
type docs struct {
	of    map[payload]map[string]any
	bytes int // of the payloads
}

// A payload is told by where it is in memory: nobody writes to one.
type payload struct {
	first *byte
	bytes int
}

func at(bytes []byte) payload { return payload{&bytes[0], len(bytes)} }

// maxDocBytes bounds the payloads whose records are kept. Beyond it all are forgotten.
const maxDocBytes = 256 << 10

func (d *docs) doc(key space.Key, v space.Version) (map[string]any, error) {
	if !v.Live() || len(v.Payload) == 0 {
		return Doc(key, v)
	}
	if doc, ok := d.of[at(v.Payload)]; ok {
		return doc, nil
	}
	doc, err := Doc(key, v)
	if err == nil {
		d.keep(v.Payload, doc)
	}
	return doc, err
}

// keep notes what record a payload is of.
func (d *docs) keep(of []byte, doc map[string]any) {
	if d.bytes += len(of); d.of == nil || d.bytes > maxDocBytes {
		d.of, d.bytes = map[payload]map[string]any{}, len(of)
	}
	d.of[at(of)] = doc
}
