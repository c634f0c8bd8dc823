package cli

import (
	"reflect"

	"github.com/spf13/pflag"

	"github.com/syncline/syncline/wire"
)

// registerLimits makes a flag --limit-<name> of each limit, named and described by
// the tags of wire.Limits.
func registerLimits(f *pflag.FlagSet, limits *wire.Limits) {
	*limits = wire.DefaultLimits
	v := reflect.ValueOf(limits).Elem()
	for i := range v.NumField() {
		field := v.Type().Field(i)
		into := v.Field(i).Addr().Interface().(*int)
		f.IntVar(into, "limit-"+field.Tag.Get("json"), *into, "limit: "+field.Tag.Get("help"))
	}
}

// checkLimits refuses limits that nothing could be done under. Zero would mean
// the default, which is not what whoever writes a zero means.
func checkLimits(limits wire.Limits) error {
	v := reflect.ValueOf(limits)
	for i := range v.NumField() {
		if n := v.Field(i).Int(); n < 1 {
			return usage("--limit-%s: %d is no limit; want 1 or more", v.Type().Field(i).Tag.Get("json"), n)
		}
	}
	if limits.Message > wire.MaxCarried {
		return usage("--limit-message: %d bytes are more than a carrier takes at once, %d", limits.Message, wire.MaxCarried)
	}
	return nil
}
