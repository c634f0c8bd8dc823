package space

import (
	"bytes"
	"encoding/binary"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

// sampleCommits are one of each kind of commit, chained.
func sampleCommits() []*Commit {
	at := time.UnixMilli(1764109771123).UTC()
	commits := []*Commit{
		{Seq: 1, Time: at, Author: "ada", Client: "client-0123456789", Mutation: 1, Content: 1<<64 - 1, Changes: []Change{
			{Key: Key{"cards", "c1"}, Type: Record, Hash: PayloadHash([]byte(`{"a":1}`)), Payload: []byte(`{"a":1}`)},
			{Key: Key{"cards", "ünï/…"}, Type: Record, Deleted: true},
		}},
		{
			Seq: 2, Time: at, Author: "ada", Client: "client-0123456789", Mutation: 2, Previous: 1,
			Refusal: &Refusal{Code: CodeStale, Path: "ops[0].if", Message: "changed", Key: Key{"cards", "c1"}},
		},
		{Seq: 3, Time: time.UnixMilli(-5).UTC()},
	}
	previous := Digest{}
	for _, c := range commits {
		c.Seal(previous)
		previous = c.Digest
	}
	return commits
}

func stripped(c *Commit) *Commit {
	own := *c
	own.Changes = append([]Change(nil), c.Changes...)
	for i := range own.Changes {
		own.Changes[i].Payload = nil
	}
	return &own
}

func TestCommitRoundTrip(t *testing.T) {
	at := Cursor{}
	for _, c := range sampleCommits() {
		b := c.AppendBinary(nil)
		got, err := DecodeCommit(b)
		if err != nil {
			t.Fatalf("commit %d: %v", c.Seq, err)
		}
		if want := stripped(c); !reflect.DeepEqual(got, want) {
			t.Errorf("commit %d:\n got %+v\nwant %+v", c.Seq, got, want)
		}
		if !got.Follows(at) {
			t.Errorf("commit %d does not follow %s", c.Seq, at)
		}
		at = got.Cursor()
	}
}

// TestChainNoticesChanges: whatever byte of a record is altered, it no longer
// follows; nor does it follow another log.
func TestChainNoticesChanges(t *testing.T) {
	at := Cursor{}
	for _, c := range sampleCommits() {
		b := c.AppendBinary(nil)
		for i := range b {
			for _, flip := range []byte{1, 0x80} {
				b[i] ^= flip
				if got, err := DecodeCommit(b); err == nil && got.Follows(at) {
					t.Errorf("commit %d: byte %d altered by %#x goes unnoticed", c.Seq, i, flip)
				}
				b[i] ^= flip
			}
		}
		if c.Follows(Cursor{Seq: at.Seq, Digest: Digest{9}}) || c.Follows(Cursor{Seq: at.Seq + 1, Digest: at.Digest}) {
			t.Errorf("commit %d follows another log", c.Seq)
		}
		at = c.Cursor()
	}
}

// TestDecodersRefuse what the encoders do not write.
func TestDecodersRefuse(t *testing.T) {
	decoders := map[string]func([]byte) error{
		"commit": func(b []byte) error { _, err := DecodeCommit(b); return err },
		"client": func(b []byte) error { _, err := DecodeClientState(b); return err },
	}
	good := map[string][][]byte{"client": {ClientState{7, 300, "ada", Rejections("").Next(5, true).Next(7, true)}.AppendBinary(nil), ClientState{}.AppendBinary(nil)}}
	for _, c := range sampleCommits() {
		good["commit"] = append(good["commit"], c.AppendBinary(nil))
	}
	refused := func(kind, what string, b []byte) {
		t.Helper()
		if err := decoders[kind](b); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s, %s: %v", kind, what, err)
		}
	}
	for kind, texts := range good {
		for _, b := range texts {
			if err := decoders[kind](b); err != nil {
				t.Fatalf("%s: %v", kind, err)
			}
			for n := range b {
				refused(kind, "cut", b[:n])
			}
			refused(kind, "trailing byte", append(bytes.Clone(b), 0))
		}
	}
	long := append([]byte{commitFormat, 0x81, 0x00}, good["commit"][0][2:]...) // seq 1 in two bytes
	refused("commit", "a number in more bytes than it needs", long)
	refused("client", "a number in more bytes than it needs", []byte{0x87, 0x00, 0, 0, 0})
	refused("client", "a number beyond 64 bits", append(bytes.Repeat([]byte{0xff}, 10), 1, 0, 0, 0))
	refused("client", "a string longer than the rest", []byte{1, 1, 200, 1, 'a', 0})
	refused("client", "a rejection twice", []byte{1, 1, 0, 2, 1, 0})
	refused("commit", "another format", append([]byte{commitFormat + 1}, good["commit"][0][1:]...))
}

// TestDecodeCommitAllocates no more for a number of changes than the bytes that
// are there can hold.
func TestDecodeCommitAllocates(t *testing.T) {
	head := sampleCommits()[2].appendBody(nil)
	b := append(head[:len(head)-1], binary.AppendUvarint(nil, 50_000)...)
	b = append(b, make([]byte, 60_000)...) // more bytes than changes, but each needs 19
	result := testing.Benchmark(func(b2 *testing.B) {
		b2.ReportAllocs()
		for b2.Loop() {
			if _, err := DecodeCommit(b); err == nil {
				b2.Fatal("accepted")
			}
		}
	})
	if got := result.AllocedBytesPerOp(); got > int64(len(b)) {
		t.Errorf("%d bytes for a record of %d", got, len(b))
	}
}

func TestVersion(t *testing.T) {
	for _, v := range []Version{
		{Seq: 3, Type: Record, Payload: []byte(`{}`)},
		{Seq: 4, Type: Page, Payload: []byte{}},
		{Seq: 4, Type: Record, Payload: []byte(`{}`), Of: 300},
		{Seq: 5, Type: Record, Deleted: true, Payload: []byte{}},
	} {
		got, err := DecodeVersion(v.Seq, AppendVersion(nil, v))
		if err != nil || !reflect.DeepEqual(got, v) {
			t.Errorf("%+v: %+v, %v", v, got, err)
		}
		if got.Live() == v.Deleted {
			t.Errorf("%+v: live is %v", v, got.Live())
		}
	}
	for _, b := range []string{"", "\x11{}", "\x81{}", "\x21{}", "\x41", "\x41\x01{}", "\x41\x80"} {
		if _, err := DecodeVersion(1, []byte(b)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v", b, err)
		}
	}
}

func FuzzDecodeCommit(f *testing.F) {
	for _, c := range sampleCommits() {
		f.Add(c.AppendBinary(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := DecodeCommit(b)
		if err == nil && !bytes.Equal(c.AppendBinary(nil), b) {
			t.Errorf("%x is read as %+v, which is written as %x", b, c, c.AppendBinary(nil))
		}
	})
}

func FuzzDecodeVersion(f *testing.F) {
	f.Add([]byte("\x01{}"))
	f.Add([]byte("\x81"))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := DecodeVersion(1, b)
		if err == nil && !bytes.Equal(AppendVersion(nil, v), b) {
			t.Errorf("%x is read as %+v", b, v)
		}
	})
}

func FuzzDecodeClientState(f *testing.F) {
	f.Add(ClientState{7, 300, "ada", Rejections("").Next(5, true).Next(7, true)}.AppendBinary(nil))
	f.Add([]byte(strings.Repeat("\xff", 12)))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := DecodeClientState(b)
		if err == nil && !bytes.Equal(s.AppendBinary(nil), b) {
			t.Errorf("%x is read as %+v", b, s)
		}
	})
}
