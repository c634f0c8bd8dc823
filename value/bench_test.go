package value

import "testing"

// benchRecord is 200 bytes or so, in canonical form.
const benchRecord = `{"author":"u-8f2c","board":"b-17","done":false,"estimate":3.5,"labels":["bug","ui","später"],"meta":{"created":1764105600123,"source":"web"},"position":1024,"title":"Drag handle is too small on phones"}`

const benchUnsorted = `{"title": "Drag handle is too small on phones", "author": "u-8f2c", "done": false, "board": "b-17", "estimate": 3.5, "labels": ["bug", "ui", "später"], "meta": {"source": "web", "created": 1764105600123}, "position": 1024}`

func BenchmarkCanonical(b *testing.B) {
	for _, c := range []struct{ name, text string }{{"canonical", benchRecord}, {"unsorted", benchUnsorted}} {
		b.Run(c.name, func(b *testing.B) {
			raw := []byte(c.text)
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Canonical(raw, Limits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	raw := []byte(benchRecord)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	doc, err := Parse([]byte(benchRecord))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		Encode(doc)
	}
}
