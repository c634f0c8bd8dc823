package mutator

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"strconv"

	"github.com/syncline/syncline/space"
)

// A Random is the stream of random numbers of one run of a mutator: sfc32, seeded
// from the mutation as section 5 of the protocol says. The TypeScript client has
// the same; testdata/vectors/random.json holds both to it.
type Random struct{ a, b, c, counter uint32 }

// warmUp is how many outputs are discarded, until all of the seed is in all of them.
const warmUp = 12

// NewRandom returns the stream of a mutation.
func NewRandom(client space.ClientID, id space.MutationID, name string) *Random {
	text := append([]byte(client), 0)
	text = strconv.AppendUint(text, uint64(id), 10)
	text = append(append(text, 0), name...)
	sum := sha256.Sum256(text)
	r := &Random{
		binary.LittleEndian.Uint32(sum[0:]), binary.LittleEndian.Uint32(sum[4:]),
		binary.LittleEndian.Uint32(sum[8:]), binary.LittleEndian.Uint32(sum[12:]),
	}
	for range warmUp {
		r.next()
	}
	return r
}

func (r *Random) next() uint32 {
	t := r.a + r.b + r.counter
	r.counter++
	r.a = r.b ^ r.b>>9
	r.b = r.c + r.c<<3
	r.c = bits.RotateLeft32(r.c, 21) + t
	return t
}

// Float is the next number in [0, 1), one of 2^53.
func (r *Random) Float() float64 {
	high := r.next() >> 5
	low := r.next() >> 6
	return (float64(high)*(1<<26) + float64(low)) / (1 << 53)
}

const (
	idLength   = 22 // characters of 6 bits each
	idAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
)

// ID is the next id for an entry: 132 bits as 22 characters of base64url.
func (r *Random) ID() string {
	b := make([]byte, idLength)
	for i := range b {
		b[i] = idAlphabet[r.next()>>26]
	}
	return string(b)
}
