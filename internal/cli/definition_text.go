package cli

import (
	"fmt"
	"strings"

	"github.com/syncline/syncline"
	"github.com/syncline/syncline/authz/explain"
	"github.com/syncline/syncline/host"
)

// why of explain.Compared.Cut, for people.
var cutShort = map[string]string{
	"looks":  "the limit of entries to look at is reached",
	"users":  "a space has more users than are looked at",
	"shifts": "there are more than can be told",
	"time":   "it took too long",
}

// comparedText says who gains and loses what, a line each.
func comparedText(c *explain.Compared) string {
	var b strings.Builder
	for _, shift := range c.Shifts {
		user := shift.User
		if user == "" {
			user = "nobody"
		}
		fmt.Fprintf(&b, "%s  %s  %s: gains %d, loses %d, sees other fields of %d\n", shift.Space, user, shift.Collection, shift.Gains, shift.Loses, shift.Otherwise)
	}
	if len(c.Shifts) == 0 {
		b.WriteString("nobody of those looked at gains or loses anything\n")
	}
	for _, why := range c.Cut {
		fmt.Fprintf(&b, "not all was looked at: %s\n", cutShort[why])
	}
	return b.String()
}

// switchedText says what became of a change, a line each.
func switchedText(done *syncline.Switched) string {
	var b strings.Builder
	for _, change := range done.Changes {
		fmt.Fprintln(&b, change)
	}
	if len(done.Changes) == 0 {
		fmt.Fprintln(&b, "nothing has changed")
	}
	for _, failure := range done.Failures {
		fmt.Fprintln(&b, "fails:", failure)
	}
	if done.Compared != nil && len(done.Changes) > 0 {
		b.WriteString(comparedText(done.Compared))
	}
	b.WriteString(switchesText(done.Switches, 0))
	if done.Note != "" {
		fmt.Fprintln(&b, done.Note)
	}
	return b.String()
}

// switchesText says where spaces switched.
func switchesText(switches []host.Switch, more int) string {
	var b strings.Builder
	for _, s := range switches {
		fmt.Fprintf(&b, "%s: holds after commit %d\n", s.Space, s.Seq)
	}
	if more > 0 {
		fmt.Fprintf(&b, "and %d more spaces\n", more)
	}
	return b.String()
}
