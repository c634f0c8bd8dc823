package definition_test

import (
	"testing"
	"time"

	"github.com/syncline/syncline/definition"
)

// TestLease reads leases, and holds those that were made otherwise to the same limits.
func TestLease(t *testing.T) {
	for text, want := range map[string]time.Duration{"1s": time.Second, "90m": 90 * time.Minute, "24h": 24 * time.Hour, "366d": 366 * 24 * time.Hour} {
		d, err := definition.Parse([]byte("spaces: {a: {collections: {c: {lease: " + text + "}}}}"))
		if err != nil {
			t.Fatal(err)
		}
		got := d.Spaces["a"].Collections["c"].Lease
		if time.Duration(got) != want || got.Check() != nil {
			t.Errorf("%s is %v, %v", text, time.Duration(got), got.Check())
		}
		none, err := definition.Parse([]byte("spaces: {a: {collections: {c: {}}}}"))
		if err != nil || none.Version() == d.Version() {
			t.Errorf("a lease makes no other version (%v)", err)
		}
	}
	for _, bad := range []time.Duration{-time.Second, time.Second - 1, 367 * 24 * time.Hour, time.Second + time.Nanosecond} {
		if definition.Lease(bad).Check() == nil {
			t.Errorf("%v passes", bad)
		}
	}
}
