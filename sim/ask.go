package sim

import (
	"fmt"
	"time"

	"github.com/syncline/syncline/authz"
	hostcore "github.com/syncline/syncline/host/core"
	"github.com/syncline/syncline/space"
)

// In some of the schedules with rules somebody outside has to agree to changes of
// cards and of the register. They are slow, refuse some, and now and then give no answer.

// askedOf are the collections of which they are asked; the last are those that calls write.
var askedOf = map[string]bool{"cards": true, "register": true, "calc": true, "made": true}

// asks are what is added to the definitions.
var asks = []string{
	`, "ask": {"judge": {"to": "judge", "collections": ["cards"%[1]s]}, "clerk": {"to": "clerk", "collections": ["register"]}}`,
	`, "ask": {"judge": {"to": "judge", "collections": ["register", "cards"%[1]s], "when": "true"}}`,
}

func askedText(n int, more string) string { return definitionText(n, fmt.Sprintf(asks[n], more)) }

// askedDefinitions are the definitions of schedules in which somebody is asked,
// askedWithCalls of those that have calls, too.
var (
	askedDefinitions = []*authz.Policy{compile(askedText(0, "")), compile(askedText(1, ""))}
	askedWithCalls   = []*authz.Policy{compile(callable(askedText(0, `, "calc", "made"`))), compile(callable(askedText(1, `, "calc", "made"`)))}
)

// A judge is asked.
type judge struct {
	*actor
	agreed map[string]bool // to what, as text
}

// change says what is agreed to.
func change(author string, c *space.Change, old space.Version) string {
	return fmt.Sprintf("%s %s %t %s, was %t %s", author, c.Key, c.Deleted, c.Payload, old.Live(), old.Payload)
}

// ask is what the server's space calls. The answer may come when the server that asked is gone.
func (s *server) ask(ask *hostcore.Ask) {
	j, sp := s.w.judge, s.space
	verdict := hostcore.Verdict{Agreed: true}
	if !s.w.healed {
		switch j.rand.IntN(8) {
		case 0:
			verdict = hostcore.Verdict{Refused: true, Message: "no"}
		case 1:
			verdict = hostcore.Verdict{}
		}
	}
	j.after(j.between(0, 40*time.Millisecond), func() {
		if verdict.Agreed {
			for _, asked := range ask.Asked {
				for i := range asked.Changes {
					j.agreed[change(ask.Author, &asked.Changes[i], asked.Old[i])] = true
				}
			}
		}
		j.note("answer %s: %+v", ask.ID, verdict)
		if s.space == sp {
			sp.Answer(ask, verdict)
			s.turn()
		}
	})
}

// agreed checks that a commit holds only what was agreed to, where somebody has to.
func (o *oracle) agreed(c *space.Commit) {
	if !o.w.plan.asked {
		return
	}
	for i := range c.Changes {
		if key := c.Changes[i].Key; askedOf[key.Collection] {
			if text := change(c.Author, &c.Changes[i], o.version(key, c.Seq-1)); !o.w.judge.agreed[text] {
				o.w.fail("commit %d holds what nobody agreed to: %s", c.Seq, text)
			}
		}
	}
}
