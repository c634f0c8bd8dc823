package core

import (
	"testing"

	"github.com/syncline/syncline/wire"
)

// TestOpenRefused: an error that answers an open leaves no answer due, so that the one to the next open
// counts; and where another answer was on its way all the same, both are taken for what they are.
func TestOpenRefused(t *testing.T) {
	for _, code := range []string{wire.CodeServerOutdated, wire.CodeUnavailable, wire.CodeOverloaded, wire.CodeRateLimited, wire.CodeBadCursor} {
		t.Run(code, func(t *testing.T) {
			r := newRig(t)
			r.connect(0, cur(0))
			r.receive(reset(cur(2), entry("c1", 1, `{"n":1}`)))
			opened := func(m *wire.Open) *wire.Opened {
				return &wire.Opened{Space: m.Space, View: "v", Head: cur(3), From: m.Cursor, Resume: wire.ResumeReset, Reason: wire.ResetScope}
			}
			r.core.OpenMessage(epoch)
			if fx := r.receive(&wire.Error{Code: code, Space: "team/alpha", Message: "not now"}); fx.Action != Reopen {
				t.Fatalf("%+v", fx)
			}
			r.receive(opened(r.core.OpenMessage(epoch)))
			r.receive(reset(cur(3), entry("c1", 3, `{"n":3}`)))
			if !r.core.Status().Live {
				t.Fatal("it is open, and still waits")
			}
			r.expect(`c1={"n":3} `)

			// The error was about something else, and two answers come after the next open.
			first := r.core.OpenMessage(epoch)
			r.receive(&wire.Error{Code: code, Space: "team/alpha", Message: "not now"})
			second := r.core.OpenMessage(epoch)
			for _, m := range []*wire.Open{first, second} {
				r.receive(opened(m))
				r.receive(reset(cur(3), entry("c1", 3, `{"n":3}`)))
			}
			if !r.core.Status().Live {
				t.Fatal("answered twice, and still waits")
			}
			r.expect(`c1={"n":3} `)
		})
	}
}
