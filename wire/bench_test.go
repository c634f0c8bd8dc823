package wire_test

import (
	"testing"

	"github.com/syncline/syncline/value"
	"github.com/syncline/syncline/wire"
)

// benchPush is the message that decides the server's throughput: one put.
const benchPush = `{"t":"push","space":"team/alpha","muts":[{"id":44,"ops":[{"op":"put","in":"cards","id":"c7-0f3a","value":{"author":"u-8f2c","board":"b-17","done":false,"labels":["bug","ui"],"position":1024,"title":"Drag handle too small"}}]}]}`

func BenchmarkDecodePush(b *testing.B) {
	data := []byte(benchPush)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		m, err := wire.DecodeClient(data, wire.DefaultLimits)
		if err != nil {
			b.Fatal(err)
		}
		op := &m.(*wire.Push).Mutations[0].Ops[0]
		if _, err := value.Canonical(op.Value, wire.DefaultLimits.Value()); err != nil {
			b.Fatal(err)
		}
	}
}
