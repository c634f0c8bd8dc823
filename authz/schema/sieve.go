package schema

import (
	"math"
	"math/big"
	"reflect"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/syncline/syncline/value"
)

// A sieve says of most records that fit a schema that they do, without the allocations of the library. It
// never says so of one that does not fit; where it does not know, the library decides, and only that says what is wrong.
// There is one for schemas of the common keywords, nil for others.
type sieve struct {
	types      []string // nil: any
	required   []string
	properties map[string]*sieve
	closed     bool // to other properties
	items      *sieve
	ref        *sieve
	all, any   []*sieve
	enum       []any // scalars; nil: any value
	minLength  int
	maxLength  int
	pattern    jsonschema.Regexp
	format     *jsonschema.Format
	min, max   float64
	minItems   int
	maxItems   int
}

// known are the keywords that a sieve has, and what says nothing of a record. Whatever else
// the library knows of, now or later, makes a schema none for a sieve.
var known = map[string]bool{
	"DraftVersion": true, "Location": true, "ID": true, "Anchor": true, "Title": true, "Description": true, "Default": true, "Comment": true,
	"ReadOnly": true, "WriteOnly": true, "Examples": true, "Deprecated": true,
	"Types": true, "Required": true, "Properties": true, "AdditionalProperties": true, "Items2020": true, "Ref": true, "AllOf": true, "AnyOf": true,
	"Enum": true, "Const": true, "MinLength": true, "MaxLength": true, "Pattern": true, "Format": true, "Minimum": true, "Maximum": true,
	"MinItems": true, "MaxItems": true, "Bool": true,
}

// sieving makes sieves of the parts of one schema. One that is under way is nil: what contains itself is left to the library.
type sieving map[*jsonschema.Schema]*sieve

func (c sieving) of(s *jsonschema.Schema) (_ *sieve, ok bool) {
	if done, seen := c[s]; seen {
		return done, done != nil
	}
	c[s] = nil
	fields := reflect.ValueOf(s).Elem()
	for i := range fields.NumField() {
		if f := fields.Type().Field(i); f.IsExported() && !known[f.Name] && !fields.Field(i).IsZero() {
			return nil, false
		}
	}
	out := &sieve{required: s.Required, pattern: s.Pattern, format: s.Format, maxLength: math.MaxInt, maxItems: math.MaxInt, min: math.Inf(-1), max: math.Inf(1)}
	for from, to := range map[*int]*int{s.MinLength: &out.minLength, s.MaxLength: &out.maxLength, s.MinItems: &out.minItems, s.MaxItems: &out.maxItems} {
		if from != nil {
			*to = *from
		}
	}
	ok = s.DraftVersion == 2020 && (s.Bool == nil || *s.Bool) && bound(s.Minimum, &out.min) && bound(s.Maximum, &out.max)
	if s.Types != nil {
		out.types = s.Types.ToStrings()
	}
	if s.Enum != nil {
		out.enum = append([]any{}, s.Enum.Values...)
	}
	if s.Const != nil {
		ok = ok && s.Enum == nil
		out.enum = []any{*s.Const}
	}
	for _, v := range out.enum {
		ok = ok && (v == nil || value.IsScalar(v))
	}
	switch closed := s.AdditionalProperties.(type) {
	case nil:
	case bool:
		out.closed = !closed
	default:
		ok = false
	}
	part := func(of *jsonschema.Schema) *sieve {
		if of == nil || !ok {
			return nil
		}
		var p *sieve
		p, ok = c.of(of)
		return p
	}
	out.items, out.ref = part(s.Items2020), part(s.Ref)
	for _, of := range s.AllOf {
		out.all = append(out.all, part(of))
	}
	for _, of := range s.AnyOf {
		out.any = append(out.any, part(of))
	}
	out.properties = make(map[string]*sieve, len(s.Properties))
	for name, of := range s.Properties {
		out.properties[name] = part(of)
	}
	if !ok {
		return nil, false
	}
	c[s] = out
	return out, true
}

// bound takes a limit that a float64 can hold.
func bound(limit *big.Rat, to *float64) bool {
	if limit == nil {
		return true
	}
	f, exact := limit.Float64()
	*to = f
	return exact
}

// fits reports whether a value surely fits.
func (s *sieve) fits(v any) bool {
	if s.types != nil && !s.typed(v) || s.enum != nil && !s.listed(v) || s.ref != nil && !s.ref.fits(v) || s.format != nil && s.format.Validate(v) != nil {
		return false
	}
	for _, all := range s.all {
		if !all.fits(v) {
			return false
		}
	}
	if s.any != nil && !s.either(v) {
		return false
	}
	switch v := v.(type) {
	case string:
		return s.text(v)
	case float64:
		return s.min <= v && v <= s.max
	case []any:
		if len(v) < s.minItems || len(v) > s.maxItems {
			return false
		}
		for _, of := range v {
			if s.items != nil && !s.items.fits(of) {
				return false
			}
		}
	case map[string]any:
		return s.object(v)
	}
	return true
}

func (s *sieve) either(v any) bool {
	for _, one := range s.any {
		if one.fits(v) {
			return true
		}
	}
	return false
}

func (s *sieve) listed(v any) bool {
	if v != nil && !value.IsScalar(v) {
		return false
	}
	for _, one := range s.enum {
		if one == v {
			return true
		}
	}
	return false
}

func (s *sieve) text(v string) bool {
	if s.minLength > 0 || s.maxLength < len(v) {
		if n := utf8.RuneCountInString(v); n < s.minLength || n > s.maxLength {
			return false
		}
	}
	return s.pattern == nil || s.pattern.MatchString(v)
}

func (s *sieve) object(v map[string]any) bool {
	for _, name := range s.required {
		if _, has := v[name]; !has {
			return false
		}
	}
	for name, of := range v {
		if part := s.properties[name]; part != nil {
			if !part.fits(of) {
				return false
			}
		} else if s.closed {
			return false
		}
	}
	return true
}

func (s *sieve) typed(v any) bool {
	for _, name := range s.types {
		var is bool
		switch v := v.(type) {
		case nil:
			is = name == "null"
		case bool:
			is = name == "boolean"
		case float64:
			is = name == "number" || name == "integer" && value.IsInteger(v)
		case string:
			is = name == "string"
		case []any:
			is = name == "array"
		case map[string]any:
			is = name == "object"
		}
		if is {
			return true
		}
	}
	return false
}
