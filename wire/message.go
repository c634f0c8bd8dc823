package wire

import (
	"bytes"
	"math"

	"github.com/syncline/syncline/space"
)

// The names of each message's members, those that must be there first. The
// messages themselves are in client.go; TestDecodeMatchesTags keeps both alike.
var (
	namesHello       = []string{"t", "v", "token", "user", "agent"}
	namesOpen        = []string{"t", "space", "client", "acked", "view", "cursor", "was", "scope", "presence", "drops", "speaks"}
	namesSpace       = []string{"t", "space"}
	namesPush        = []string{"t", "space", "muts"}
	namesPushRequest = []string{"muts", "client"}
	namesPresence    = []string{"t", "space", "state"}
	namesCast        = []string{"t", "space", "topic", "data"}
	namesAlone       = []string{"t"}
	namesMutation    = []string{"id", "ops", "call", "args", "reads", "v"}
	namesOp          = []string{"op", "in", "id", "value", "patch", "if"}
	namesReads       = []string{"at", "keys", "where", "scope"}
	namesPart        = []string{"in", "where", "v"}
)

// kind finds the member t of the message, which well-bred clients put first, and
// leaves the scanner at the beginning.
func (s *scanner) kind() string {
	begin := []byte(`{"t":"`)
	if rest, ok := bytes.CutPrefix(s.data, begin); ok {
		if n := bytes.IndexByte(rest, '"'); n >= 0 && bytes.IndexByte(rest[:n], '\\') < 0 {
			return string(rest[:n])
		}
	}
	look := *s
	kind, found := "", false
	if look.peek() != '{' {
		s.fail("a message is a JSON object")
		return ""
	}
	look.open('{')
	for first := true; !found && look.more(first, '}'); first = false {
		if string(look.name()) == "t" {
			kind, found = look.string(), true
		} else {
			look.skip(false)
		}
	}
	if s.err = look.err; s.err != nil {
		s.pos = len(s.data)
	} else if !found {
		s.fail("a message without type t")
	}
	return kind
}

func (s *scanner) message(kind string) ClientMessage {
	if s.err != nil {
		return nil
	}
	switch kind {
	case "push":
		m := &Push{T: kind}
		f := s.fields(namesPush)
		for f.next() {
			switch f.name {
			case "t":
				s.string()
			case "space":
				m.Space = s.string()
			case "muts":
				m.Mutations = []space.Mutation{}
				s.list(func() { m.Mutations = append(m.Mutations, s.mutation()) })
			}
		}
		f.need(3)
		return m
	case "hello":
		m := &Hello{T: kind}
		f := s.fields(namesHello)
		for f.next() {
			switch f.name {
			case "t":
				s.string()
			case "v":
				m.V = []int{}
				s.list(func() { m.V = append(m.V, int(s.uint())) })
			case "token":
				m.Token = s.string()
			case "user":
				m.User = s.string()
			case "agent":
				m.Agent = s.string()
			}
		}
		f.need(2)
		return m
	case "open":
		return s.openMessage()
	case "close":
		return &Close{T: kind, Space: s.spaceOnly()}
	case "check":
		return &Check{T: kind, Space: s.spaceOnly()}
	case "presence":
		m := &Presence{T: kind}
		f := s.fields(namesPresence)
		for f.next() {
			switch f.name {
			case "t":
				s.string()
			case "space":
				m.Space = s.string()
			case "state":
				m.State = s.raw(true)
			}
		}
		f.need(3)
		return m
	case "cast":
		m := &Cast{T: kind}
		f := s.fields(namesCast)
		for f.next() {
			switch f.name {
			case "t":
				s.string()
			case "space":
				m.Space = s.string()
			case "topic":
				m.Topic = s.string()
			case "data":
				m.Data = s.raw(true)
			}
		}
		f.need(3)
		return m
	case "ping":
		s.alone()
		return &Ping{T: kind}
	case "pong":
		s.alone()
		return &Pong{T: kind}
	}
	s.pos = 0
	s.err = malformed("no message type %.40q", kind)
	return nil
}

func (s *scanner) alone() {
	f := s.fields(namesAlone)
	for f.next() {
		s.string()
	}
}

func (s *scanner) spaceOnly() (name string) {
	f := s.fields(namesSpace)
	for f.next() {
		switch f.name {
		case "t":
			s.string()
		case "space":
			name = s.string()
		}
	}
	f.need(2)
	return name
}

func (s *scanner) openMessage() *Open {
	m := &Open{T: "open"}
	f := s.fields(namesOpen)
	for f.next() {
		switch f.name {
		case "t":
			s.string()
		case "space":
			m.Space = s.string()
		case "client":
			m.Client = space.ClientID(s.string())
		case "acked":
			m.Acked = s.uint()
		case "view":
			m.View = s.view()
		case "cursor":
			m.Cursor = s.string()
		case "scope":
			m.Scope = s.string()
		case "was":
			m.Was = s.view()
		case "presence":
			m.Presence = s.bool()
		case "drops":
			m.Drops = s.bool()
		case "speaks":
			m.Speaks = s.versions()
		}
	}
	f.need(2)
	return m
}

func (s *scanner) view() space.View {
	v := space.View{}
	s.list(func() {
		part := space.Part{}
		f := s.fields(namesPart)
		for f.next() {
			switch f.name {
			case "in":
				part.In = s.string()
			case "where":
				if s.peek() != '{' {
					s.fail("a selector is an object")
				}
				part.Where = s.raw(true)
			case "v":
				part.V = s.version()
			}
		}
		f.need(1)
		v = append(v, part)
	})
	return v
}

// version reads the version of a collection.
func (s *scanner) version() uint32 {
	n := s.uint()
	if s.err == nil && (n == 0 || n > math.MaxUint32) {
		s.fail("a version of a collection is 1 or more")
	}
	return uint32(n)
}

// versions reads an object of versions by collection.
func (s *scanner) versions() space.Versions {
	v := space.Versions{}
	if !s.open('{') {
		return v
	}
	for first := true; s.more(first, '}'); first = false {
		name := string(s.name())
		if _, dup := v[name]; dup {
			s.fail("%.40q is given twice", name)
		} else if s.err == nil && space.CheckCollection(name) != nil {
			s.fail("%.40q is no collection", name)
		}
		v[name] = s.version()
	}
	return v
}

func (s *scanner) mutation() (m space.Mutation) {
	f := s.fields(namesMutation)
	for f.next() {
		switch f.name {
		case "id":
			m.ID = space.MutationID(s.uint())
		case "ops":
			m.Ops = []space.Op{}
			s.list(func() { m.Ops = append(m.Ops, s.op()) })
		case "call":
			m.Call = s.string()
		case "args":
			m.Args = s.raw(false)
		case "reads":
			m.Reads = s.reads()
		case "v":
			m.V = s.versions()
		}
	}
	switch {
	case s.err != nil:
	case (m.Ops != nil) == f.has("call"):
		s.fail("a mutation has either ops or call")
	case m.Args != nil && m.Ops != nil:
		s.fail("args are those of a call")
	}
	return m
}

func (s *scanner) op() (op space.Op) {
	f := s.fields(namesOp)
	for f.next() {
		switch f.name {
		case "op":
			op.Op = s.opName()
		case "in":
			op.In = s.string()
		case "id":
			op.ID = s.string()
		case "value":
			op.Value = s.raw(false)
		case "patch":
			op.Patch = s.raw(false)
		case "if":
			version := space.Seq(s.uint())
			op.If = &version
		}
	}
	f.need(3)
	return op
}

// opName is string without a copy of the names that everybody sends.
func (s *scanner) opName() string {
	for _, name := range [...]string{`"put"`, `"patch"`, `"delete"`} {
		if s.peek() == '"' && len(s.data)-s.pos > len(name) && string(s.data[s.pos:s.pos+len(name)]) == name {
			s.pos += len(name)
			return name[1 : len(name)-1]
		}
	}
	return s.string()
}

func (s *scanner) reads() *space.Reads {
	r := &space.Reads{}
	f := s.fields(namesReads)
	for f.next() {
		switch f.name {
		case "at":
			r.At = space.Seq(s.uint())
		case "keys":
			r.Keys = []space.KeyPair{}
			s.list(func() {
				pair, n := space.KeyPair{}, 0
				s.list(func() {
					if n < len(pair) {
						pair[n] = s.string()
					} else {
						s.fail("a key is [collection, id]")
					}
					n++
				})
				if n != len(pair) {
					s.fail("a key is [collection, id]")
				}
				r.Keys = append(r.Keys, pair)
			})
		case "where":
			r.Where = s.view()
		case "scope":
			r.Scope = s.string()
		}
	}
	f.need(1)
	return r
}
