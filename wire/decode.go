package wire

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/space"
)

// messageDepth is what a message adds around a record: the message, its
// mutations, a mutation, its operations, an operation, and room for a selector.
const messageDepth = 24

// DecodeClient decodes one message that a client sent. What it returns shares no
// memory with data. The error is an *Error that can be sent back.
//
// Numbers inside a mutation's records and patches are left to whoever carries it
// out: the mutation is then rejected, and blocks nothing behind it.
func DecodeClient(data []byte, limits Limits) (ClientMessage, error) {
	if len(data) > limits.Message {
		return nil, &Error{
			Code: CodeMessageTooLarge, Limit: "message",
			Message: fmt.Sprintf("a message of %d bytes; the limit is %d", len(data), limits.Message),
		}
	}
	s := scanner{data: data, depth: limits.Depth + messageDepth, limit: limits.Depth}
	m := s.message(s.kind())
	if err := s.end(); err != nil {
		return nil, err
	}
	return m, nil
}

// A PushRequest is the body of REST's _push: a Push without the rest.
type PushRequest struct {
	Client    space.ClientID
	Mutations []space.Mutation
}

// DecodePushRequest decodes a PushRequest as strictly as DecodeClient does a
// message.
func DecodePushRequest(data []byte, limits Limits) (*PushRequest, error) {
	s := scanner{data: data, depth: limits.Depth + messageDepth, limit: limits.Depth}
	r := &PushRequest{}
	f := s.fields(namesPushRequest)
	for f.next() {
		switch f.name {
		case "client":
			r.Client = space.ClientID(s.string())
		case "muts":
			s.list(func() { r.Mutations = append(r.Mutations, s.mutation()) })
		}
	}
	f.need(1)
	if err := s.end(); err != nil {
		return nil, err
	}
	return r, nil
}

// DecodeServer decodes one message that a server sent. A message of a type that
// is not known yields nil and no error: newer servers may send it.
func DecodeServer(data []byte) (ServerMessage, error) {
	kind, err := messageType(data)
	if err != nil {
		return nil, err
	}
	var m ServerMessage
	switch kind {
	case "diff":
		m = new(Diff)
	case "ack":
		m = new(Ack)
	case "welcome":
		m = new(Welcome)
	case "opened":
		m = new(Opened)
	case "closed":
		m = new(Closed)
	case "present":
		m = new(Present)
	case "cast":
		m = new(CastFrom)
	case "checked":
		m = new(Checked)
	case "error":
		m = new(Error)
	case "ping":
		m = new(Ping)
	case "pong":
		m = new(Pong)
	default:
		return nil, nil
	}
	if err := json.Unmarshal(data, m); err != nil {
		return nil, malformed("%s: %v", kind, describe(err))
	}
	return m, nil
}

func malformed(format string, args ...any) *Error {
	return &Error{Code: CodeMalformed, Message: fmt.Sprintf(format, args...)}
}

// describe shortens the decoder's errors to what helps whoever sent the message.
func describe(err error) error {
	var semantic *json.SemanticError
	if errors.As(err, &semantic) && semantic.Err != nil {
		return fmt.Errorf("at %.80q: %w", semantic.JSONPointer, semantic.Err)
	}
	var syntactic *jsontext.SyntacticError
	if errors.As(err, &syntactic) {
		return fmt.Errorf("at byte %d: %w", syntactic.ByteOffset, syntactic.Err)
	}
	return err
}

// messageType finds the member "t" of a message, which well-bred clients put first.
func messageType(data []byte) (string, error) {
	dec := jsontext.NewDecoder(bytes.NewReader(data))
	token, err := dec.ReadToken()
	if err != nil {
		return "", malformed("%v", describe(err))
	}
	if token.Kind() != '{' {
		return "", malformed("a message is a JSON object")
	}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return "", malformed("%v", describe(err))
		}
		if name.String() != "t" {
			if err := dec.SkipValue(); err != nil {
				return "", malformed("%v", describe(err))
			}
			continue
		}
		if dec.PeekKind() != '"' {
			return "", malformed("the message type t is not a string")
		}
		kind, err := dec.ReadToken()
		if err != nil {
			return "", malformed("%v", describe(err))
		}
		return kind.String(), nil
	}
	if _, err := dec.ReadToken(); err != nil {
		return "", malformed("%v", describe(err))
	}
	return "", malformed("a message without type t")
}
