package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/memstore"
	"github.com/syncline/syncline/wire"
)

const client = space.ClientID("ada-0123456789abcdef")

// TestVerifyRejections: what a client's row says of its rejections is no problem
// where the log says the same, or no longer reaches back to it, and is one elsewhere.
func TestVerifyRejections(t *testing.T) {
	ops := map[byte]space.Op{
		'+': {Op: space.OpPut, In: "c", ID: "x", Value: []byte(`{}`)},
		'-': {Op: space.OpPatch, In: "c", ID: "none", Patch: []byte(`{"$set":{"n":1}}`)}, // rejected: there is no such entry
	}
	for _, c := range []struct {
		mutations string
		trim      space.Seq
		alter     func(*space.Commit) // the last commit, before it is stored
		problem   bool
	}{
		{"+", 0, nil, false},
		{"-", 0, nil, false},
		{"+-+-+", 0, nil, false},
		{"+-+-+", 2, nil, false},
		{"+-+-+", 4, nil, false},
		{"+-+-+", 5, nil, false},
		{"-" + strings.Repeat("+", space.RecentMutations-1), 0, nil, false},
		{"-" + strings.Repeat("+", space.RecentMutations), 0, nil, false}, // the first is forgotten
		{"+-+", 0, func(c *space.Commit) { c.Rejected = "" }, true},
		{"+-+", 0, func(c *space.Commit) { c.Rejected = c.Rejected.Next(c.Mutation, true) }, true},
		{"+++", 0, func(c *space.Commit) { c.Rejected = space.Rejections("").Next(1, true) }, true},
		{"+++", 1, func(c *space.Commit) { c.Rejected = space.Rejections("").Next(1, true) }, false}, // the log does not say
		{"+++", 1, func(c *space.Commit) { c.Rejected = space.Rejections("").Next(2, true) }, true},
		{"+-+", 1, func(c *space.Commit) { c.Rejected = "" }, true},
		{"+-+", 2, func(c *space.Commit) { c.Rejected = "" }, false}, // likewise
	} {
		name := c.mutations
		if len(name) > 10 {
			name = fmt.Sprint(name[:2], "…", len(name))
		}
		t.Run(fmt.Sprintf("%s trimmed to %d, altered %t", name, c.trim, c.alter != nil), func(t *testing.T) {
			st := memstore.New()
			defer st.Close()
			who, err := authz.NewSession(authz.Principal{User: "ada"})
			if err != nil {
				t.Fatal(err)
			}
			plan := kernel.NewPlan(space.Cursor{}, time.UnixMilli(1), store.Reader{Context: t.Context(), Store: st, Space: "a"}, wire.DefaultLimits)
			for i := range len(c.mutations) {
				kind := c.mutations[i]
				o, err := plan.Submit(kernel.Writer{User: "ada", Client: client}, who.In(authz.Development{}.Rules("a")).Guard(nil, time.Time{}),
					&space.Mutation{ID: space.MutationID(i + 1), Ops: []space.Op{ops[kind]}})
				if err != nil || (o.Kind == space.Applied) != (kind == '+') {
					t.Fatal(o, err)
				}
			}
			commits := plan.Commits()
			if c.alter != nil {
				c.alter(commits[len(commits)-1])
			}
			if err := st.Append(t.Context(), store.Batch{Space: "a", Commits: commits}); err != nil {
				t.Fatal(err)
			}
			if err := st.Trim(t.Context(), "a", c.trim); err != nil {
				t.Fatal(err)
			}
			var problems []store.Problem
			if err := store.Verify(t.Context(), st, func(p store.Problem) { problems = append(problems, p) }); err != nil {
				t.Fatal(err)
			}
			if c.problem != (len(problems) == 1) || !c.problem && len(problems) > 0 {
				t.Errorf("%v", problems)
			}
		})
	}
}
