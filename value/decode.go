package value

import "strconv"

// protoName is the one name no record may use: assigning it in JavaScript
// changes an object's prototype instead of a field.
const protoName = "__proto__"

// Parse returns the tree of a record given its canonical bytes. It is as
// strict as [Canonical] but for the size, so it also takes other spellings;
// the errors are the same. Numbers are float64. The tree holds no reference
// to raw.
func Parse(raw []byte) (map[string]any, error) {
	tree, err := decode(raw, maxDepth)
	if err != nil {
		return nil, err
	}
	doc, ok := tree.(map[string]any)
	if !ok {
		return nil, &Error{Code: CodeNotAnObject, Message: "a record is a JSON object"}
	}
	return doc, nil
}

// ParseAny is [Parse] for any JSON value.
func ParseAny(raw []byte) (any, error) { return decode(raw, maxDepth) }

// decode is the strict reader. It returns *Error as error, or nil.
func decode(raw []byte, depth int) (any, error) {
	d := decoder{raw: raw}
	d.space()
	v, err := d.value(depth)
	if err != nil {
		return nil, err
	}
	d.space()
	if d.pos != len(raw) {
		return nil, d.syntax("data after the value")
	}
	return v, nil
}

type decoder struct {
	raw []byte
	pos int
}

func (d *decoder) syntax(what string) *Error {
	return &Error{Code: CodeInvalidJSON, Message: what + " (byte " + strconv.Itoa(d.pos) + ")"}
}

func (d *decoder) space() {
	for d.pos < len(d.raw) {
		switch d.raw[d.pos] {
		case ' ', '\t', '\r', '\n':
			d.pos++
		default:
			return
		}
	}
}

// peek returns the next byte, or 0 at the end.
func (d *decoder) peek() byte {
	if d.pos < len(d.raw) {
		return d.raw[d.pos]
	}
	return 0
}

func (d *decoder) value(depth int) (any, *Error) {
	switch c := d.peek(); c {
	case '{':
		return d.object(depth)
	case '[':
		return d.array(depth)
	case '"':
		return d.str()
	case 't':
		return true, d.literal("true")
	case 'f':
		return false, d.literal("false")
	case 'n':
		return nil, d.literal("null")
	default:
		return d.number()
	}
}

func (d *decoder) literal(s string) *Error {
	if len(d.raw)-d.pos < len(s) || string(d.raw[d.pos:d.pos+len(s)]) != s {
		return d.syntax("expected " + s)
	}
	d.pos += len(s)
	return nil
}

func (d *decoder) object(depth int) (any, *Error) {
	if depth == 0 {
		return nil, &Error{Code: CodeTooDeep, Message: "nested deeper than the limit"}
	}
	d.pos++
	m := make(map[string]any)
	d.space()
	if d.peek() == '}' {
		d.pos++
		return m, nil
	}
	for {
		if d.peek() != '"' {
			return nil, d.syntax("expected a name")
		}
		name, err := d.str()
		if err != nil {
			return nil, err
		}
		if name == protoName {
			return nil, (&Error{Code: CodeBadName, Message: "this name is not allowed"}).under(name)
		}
		if _, twice := m[name]; twice {
			return nil, (&Error{Code: CodeDuplicateKey, Message: "this name is used twice"}).under(name)
		}
		d.space()
		if d.peek() != ':' {
			return nil, d.syntax("expected a colon")
		}
		d.pos++
		d.space()
		v, err := d.value(depth - 1)
		if err != nil {
			return nil, err.under(name)
		}
		m[name] = v
		if end, err := d.next('}'); err != nil {
			return nil, err
		} else if end {
			return m, nil
		}
	}
}

func (d *decoder) array(depth int) (any, *Error) {
	if depth == 0 {
		return nil, &Error{Code: CodeTooDeep, Message: "nested deeper than the limit"}
	}
	d.pos++
	list := []any{}
	d.space()
	if d.peek() == ']' {
		d.pos++
		return list, nil
	}
	for {
		v, err := d.value(depth - 1)
		if err != nil {
			return nil, err.under(strconv.Itoa(len(list)))
		}
		list = append(list, v)
		if end, err := d.next(']'); err != nil {
			return nil, err
		} else if end {
			return list, nil
		}
	}
}

// next takes what follows a member: the closing byte, or a comma.
func (d *decoder) next(closing byte) (end bool, err *Error) {
	d.space()
	switch d.peek() {
	case closing:
		d.pos++
		return true, nil
	case ',':
		d.pos++
		d.space()
		return false, nil
	}
	return false, d.syntax("expected a comma or the end of the container")
}

func (d *decoder) number() (any, *Error) {
	start := d.pos
	for d.pos < len(d.raw) && isNumberByte(d.raw[d.pos]) {
		d.pos++
	}
	text := d.raw[start:d.pos]
	if !isNumber(text) {
		d.pos = start
		return nil, d.syntax("expected a value")
	}
	f, ok := parseNumber(text)
	if !ok {
		return nil, &Error{Code: CodeUnsafeNumber, Message: "a number beyond ±(2^53-1)"}
	}
	return f, nil
}
