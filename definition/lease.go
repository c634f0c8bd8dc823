package definition

import (
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// The shortest and the longest lease.
const (
	MinLease = Lease(time.Second)
	MaxLease = Lease(366 * 24 * time.Hour)
)

// A Lease is how long a device goes on showing what it holds of a collection without hearing from the server; 0 is
// for ever. Its text is a whole number with a unit, "45s", "30m", "24h" or "7d".
type Lease time.Duration

var leaseUnits = map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}

// UnmarshalJSON implements json.Unmarshaler.
func (l *Lease) UnmarshalJSON(text []byte) error {
	if jsontext.Value(text).Kind() == '"' {
		plain, err := jsontext.AppendUnquote(nil, text)
		if err != nil {
			return err
		}
		if end := len(plain) - 1; end > 0 && plain[0] >= '1' && plain[0] <= '9' {
			unit := leaseUnits[plain[end]]
			if n, err := strconv.ParseInt(string(plain[:end]), 10, 32); err == nil && unit > 0 && n <= int64(MaxLease)/int64(unit) {
				*l = Lease(n) * Lease(unit)
				return nil
			}
		}
	}
	return fmt.Errorf(`%.40s is no lease: a whole number with a unit, such as "30m", "24h" or "7d", of 366 days at most`, text)
}

// Check reports whether a lease, which may have been made otherwise than from its text, is one.
func (l Lease) Check() error {
	if l != 0 && (l < MinLease || l > MaxLease) || l%Lease(time.Millisecond) != 0 {
		return fmt.Errorf("a lease of %v; it is whole milliseconds between %v and %v", time.Duration(l), time.Duration(MinLease), time.Duration(MaxLease))
	}
	return nil
}
