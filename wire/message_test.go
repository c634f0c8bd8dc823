package wire

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/syncline/syncline/space"
)

// TestDecodeMatchesTags: the decoder knows the members of each struct, and which
// of them must be there.
func TestDecodeMatchesTags(t *testing.T) {
	for _, c := range []struct {
		of    any
		names []string
		must  int
	}{
		{Hello{}, namesHello, 2},
		{Open{}, namesOpen, 2},
		{Close{}, namesSpace, 2},
		{Check{}, namesSpace, 2},
		{Push{}, namesPush, 3},
		{Presence{}, namesPresence, 3},
		{Cast{}, namesCast, 3},
		{Ping{}, namesAlone, 1},
		{Pong{}, namesAlone, 1},
		{space.Mutation{}, namesMutation, 0},
		{space.Op{}, namesOp, 3},
		{space.Reads{}, namesReads, 1},
		{space.Part{}, namesPart, 1},
	} {
		var all, must []string
		for f := range reflect.TypeOf(c.of).Fields() {
			name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			all = append(all, name)
			if !strings.Contains(options, "omit") {
				must = append(must, name)
			}
		}
		got := slices.Sorted(slices.Values(c.names))
		if slices.Sort(all); !slices.Equal(all, got) {
			t.Errorf("%T: the decoder knows %v, the tags say %v", c.of, got, all)
		}
		got = slices.Sorted(slices.Values(c.names[:c.must]))
		if slices.Sort(must); !slices.Equal(must, got) {
			t.Errorf("%T: the decoder needs %v, the tags say %v", c.of, got, must)
		}
	}
}

// TestClasses: every code has the class that docs/PROTOCOL.md, section 8, gives it.
func TestClasses(t *testing.T) {
	for class, codes := range map[Class][]string{
		Retry: {"mutation_gap", "rate_limited", "overloaded", "shutting_down", "unknown_session", "unavailable", "internal", "server_outdated"},
		Ask:   {"unauthorized", "forbidden", "upgrade_required"},
		Stop: {
			"malformed", "message_too_large", "too_deep", "unsupported_version", "bad_name", "bad_view", "bad_cursor", "not_open", "no_client",
			"client_mismatch", "client_forked", "displaced", "too_many", "a code that does not exist yet",
		},
	} {
		for _, code := range codes {
			if got := ClassOf(code); got != class {
				t.Errorf("%s: %s, want %s", code, got, class)
			}
		}
	}
}

// TestLimitsHaveOneSet of names: of the fields, of welcome, of their defaults.
func TestLimitsHaveOneSet(t *testing.T) {
	filled := Limits{}.WithDefaults()
	if filled != DefaultLimits {
		t.Errorf("%+v", filled)
	}
	told := filled.Map()
	v := reflect.ValueOf(filled)
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("json")
		if int64(told[name]) != v.Field(i).Int() || told[name] == 0 {
			t.Errorf("%s: welcome tells %d, the limit is %d", name, told[name], v.Field(i).Int())
		}
	}
	if len(told) != v.NumField() {
		t.Errorf("welcome tells %v", told)
	}
}
