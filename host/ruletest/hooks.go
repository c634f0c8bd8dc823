package ruletest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/kernel"
)

// told are the names of the hooks that are told of what a plan commits, and of those that have to agree to it first, each in order.
func (s *scene) told(plan *kernel.Plan, now time.Time) (tells, asks []string) {
	// Without an answer of its rule a hook is not told, but asked: docs/HOOKS.md.
	return s.concerned(s.rules.Deliveries(), plan, now, false), s.concerned(s.rules.Asks(), plan, now, true)
}

func (s *scene) concerned(hooks []*authz.Hook, plan *kernel.Plan, now time.Time, unanswered bool) []string {
	names := []string{}
	for _, h := range hooks {
		if slices.ContainsFunc(plan.Deltas(), func(d kernel.Delta) bool {
			wants, err := s.rules.Wants(h, d, now)
			return wants || err != nil && unanswered
		}) {
			names = append(names, h.Name)
		}
	}
	slices.Sort(names)
	return names
}

// outside compares which hooks a write concerns with which it should.
func (s *scene) outside(what string, w definition.Write, plan *kernel.Plan, now time.Time, fail func(string, ...any)) {
	tells, asks := s.told(plan, now)
	for _, side := range []struct {
		word string
		want *[]string
		got  []string
	}{{"tells", w.Tells, tells}, {"asks", w.Asks, asks}} {
		if side.want == nil {
			continue
		}
		if want := slices.Sorted(slices.Values(*side.want)); !slices.Equal(want, side.got) {
			fail("%s %s [%s], and should [%s]", what, side.word, strings.Join(side.got, " "), strings.Join(want, " "))
		}
	}
}

// alone refuses what can only be said of a write that somebody may make.
func alone(w definition.Write) error {
	if w.Tells != nil || w.Asks != nil {
		return fmt.Errorf("tells and asks are said of a write of may, which is tried by itself")
	}
	return nil
}
