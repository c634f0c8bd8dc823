package host

import (
	"time"
)

// A bucket is a token bucket: rate tokens a second, as many at once.
type bucket struct {
	rate, tokens float64
	last         time.Time
}

func newBucket(rate int, now time.Time) bucket {
	return bucket{float64(rate), float64(rate), now}
}

// take takes n tokens, or says how long to wait for them.
func (b *bucket) take(n int, now time.Time) time.Duration {
	if passed := now.Sub(b.last).Seconds(); passed > 0 {
		b.tokens = min(b.rate, b.tokens+passed*b.rate)
	}
	b.last = now
	need := min(float64(n), b.rate) // a burst larger than the bucket takes all of it
	if b.tokens < need {
		return time.Duration((need - b.tokens) / b.rate * float64(time.Second))
	}
	b.tokens -= need
	return 0
}
