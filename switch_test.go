package syncline_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/syncline/syncline"
	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/authz/explain"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/host"
	"github.com/syncline/syncline/host/history"
	"github.com/syncline/syncline/mutator"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
)

func parsed(t *testing.T, text string) *definition.Definition {
	t.Helper()
	d, err := definition.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestSwitch: a change says who gains and loses what, with the claims of those who are connected, and where it holds from.
func TestSwitch(t *testing.T) {
	server, url := ruled(t)
	base := url + "/v1/spaces/team/alpha/-/"
	root := signed(t, "root", time.Hour, admin)
	put200(t, base+"members/bob", root, `{"user":"bob","team":"alpha","project":"x"}`)
	put200(t, base+"members/root", root, `{"user":"root","team":"alpha","project":"none"}`)
	put200(t, base+"cards/c1", root, `{"owner":"root","project":"x"}`)
	put200(t, base+"cards/c2", root, `{"owner":"root","project":"y"}`)
	put200(t, url+"/v1/spaces/team/beta/-/members/eve", root, `{"user":"eve","team":"beta","project":"x"}`)
	_, s := device(t, url, filepath.Join(t.TempDir(), "boss.db"), func() string { return signed(t, "boss", time.Hour, admin) })
	eventually(t, "at first", func() string { return cards(t, s) }, "c1 c2")

	next := parsed(t, strings.Replace(team, "on(doc.project) || auth.admin == true", `on(doc.project) || auth.uid == "bob"`, 1))
	want := []explain.Shift{{Space: "team/alpha", User: "boss", Collection: "cards", Loses: 2}, {Space: "team/alpha", User: "bob", Collection: "cards", Gains: 1}}
	dry, err := server.Switch(t.Context(), syncline.App{Definition: next}, syncline.How{DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&explain.Compared{Shifts: want, Spaces: 2}, dry.Compared); diff != "" || dry.Number != 0 || dry.Switches != nil {
		t.Errorf("a dry run: %+v\n%s", dry, diff)
	}
	if all, err := server.History().All(t.Context()); err != nil || len(all) != 1 || cards(t, s) != "c1 c2" {
		t.Errorf("a dry run has left something behind: %v, %v", all, err)
	}
	done, err := server.Switch(t.Context(), syncline.App{Definition: next, Source: "next.yaml"}, syncline.How{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]host.Switch{{Space: "team/alpha", Seq: 4}, {Space: "team/beta", Seq: 1}}, done.Switches); diff != "" || done.Number != 2 {
		t.Errorf("%+v\n%s", done, diff)
	}
	if diff := cmp.Diff(want, done.Compared.Shifts); diff != "" || !slices.Equal(done.Changes, []string{"changed spaces.team/{team}.collections.cards.read"}) {
		t.Errorf("%+v\n%s", done, diff)
	}
	eventually(t, "no longer", func() string { return cards(t, s) }, "")
	r, err := server.History().Get(t.Context(), 2)
	if err != nil || !slices.Equal(r.Switches, done.Switches) || r.Source != "next.yaml" || r.Version != next.Version() {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestSwitchIsNoted: what cannot be noted is not put into force, and with a history that is damaged no server starts.
func TestSwitchIsNoted(t *testing.T) {
	dir := t.TempDir()
	open := func() (*syncline.Server, error) {
		return syncline.Open(t.Context(), syncline.Options{Dir: dir, Definition: parsed(t, team)})
	}
	server, err := open()
	if err != nil {
		t.Fatal(err)
	}
	damage(t, server.Store())
	before := server.Policy()
	next := parsed(t, strings.Replace(team, "auth.admin == true || member", "member", 1))
	if _, err := server.Switch(t.Context(), syncline.App{Definition: next}, syncline.How{}); !errors.Is(err, history.ErrDamaged) {
		t.Errorf("%v", err)
	}
	if server.Policy() != before {
		t.Error("what could not be noted is in force")
	}
	if err := server.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := open(); !errors.Is(err, history.ErrDamaged) || !strings.Contains(err.Error(), "syncline definition forget") {
		t.Errorf("it starts with %v", err)
	}
}

// damage overwrites the first record of the history.
func damage(t *testing.T, st store.Store) {
	t.Helper()
	head, err := st.Head(t.Context(), history.Path)
	if err != nil {
		t.Fatal(err)
	}
	text := []byte(`{"number":1,"half`)
	c := &space.Commit{Seq: head.Cursor.Seq + 1, Time: time.UnixMilli(1), Changes: []space.Change{{
		Key: space.Key{Collection: "records", ID: "0000000000000001"}, Type: space.Record, Payload: text, Hash: space.PayloadHash(text),
	}}}
	c.Seal(head.Cursor.Digest)
	if err := st.Append(t.Context(), store.Batch{Space: history.Path, Base: head.Cursor, Commits: []*space.Commit{c}}); err != nil {
		t.Fatal(err)
	}
}

// TestSwitchTogether: rules and mutators switch between the same two commits. Each version's mutator writes
// what only the rules of its own version allow.
func TestSwitchTogether(t *testing.T) {
	version := func(n int) syncline.App {
		return syncline.App{
			Definition: parsed(t, fmt.Sprintf(`{"spaces":{"s":{"open":"true","collections":{"c":{"read":"true","create":"new.v == %d"}},"mutators":{"put":{"allow":"true"}}}}}`, n)),
			Mutators: mutator.Set{"s": {"put": mutator.Of(func(tx *mutator.Tx, _ *struct{}) error {
				return tx.Put("c", tx.ID(), map[string]any{"v": n})
			})}},
			Script: fmt.Sprint(n),
		}
	}
	first := version(0)
	server, err := syncline.Open(t.Context(), syncline.Options{Dir: t.TempDir(), Definition: first.Definition, Mutators: first.Mutators, Script: first.Script})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close(context.Background())
	who, err := authz.NewSession(authz.Principal{User: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	var over atomic.Bool
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for !over.Load() {
				outcomes, _, err := server.Host().Do(t.Context(), who, "s", "", []space.Mutation{{Call: "put"}})
				if err != nil || outcomes[0].Kind != space.Applied {
					t.Errorf("%+v, %v", outcomes, err)
					return
				}
			}
		})
	}
	type held struct{ from, version int }
	holds := []held{{0, 0}}
	for n := range 40 {
		done, err := server.Switch(t.Context(), version(n+1), syncline.How{Quick: true})
		if err != nil {
			t.Fatal(err)
		}
		if len(done.Switches) == 1 {
			holds = append(holds, held{int(done.Switches[0].Seq), n + 1})
		} else if len(holds) == 1 {
			holds[0].version = n + 1 // the space was not loaded yet, so that nothing was committed before
		} else {
			t.Errorf("an active space has not said where it switched to %d", n+1)
		}
	}
	over.Store(true)
	all.Wait()
	// And what each commit says is what held from where the switches say.
	head, err := server.Store().Head(t.Context(), "s")
	if err != nil {
		t.Fatal(err)
	}
	view, err := server.Store().View(t.Context(), "s", head.Cursor.Seq)
	if err != nil {
		t.Fatal(err)
	}
	defer view.Close()
	looked := 0
	for e, err := range view.Scan("c", "") {
		if err != nil {
			t.Fatal(err)
		}
		at := len(holds) - 1
		for holds[at].from >= int(e.Seq) {
			at--
		}
		if want := fmt.Sprintf(`{"v":%d}`, holds[at].version); string(e.Payload) != want {
			t.Errorf("commit %d says %s, and %s held", e.Seq, e.Payload, want)
		}
		looked++
	}
	if looked < 40 || len(holds) < 20 {
		t.Errorf("%d commits and %d switches test little", looked, len(holds))
	}
}

// TestRestored: what was restored outlasts restarts until the file says something else.
func TestRestored(t *testing.T) {
	dir := t.TempDir()
	text := func(n int) string { return fmt.Sprintf(`{"spaces":{"s%d":{"open":"true"}}}`, n) }
	run := func(file int, want int, do func(*syncline.Server)) {
		t.Helper()
		server, err := syncline.Open(t.Context(), syncline.Options{Dir: dir, Definition: parsed(t, text(file)), Source: "app.yaml"})
		if err != nil {
			t.Fatal(err)
		}
		if is := server.Policy().Version(); is != parsed(t, text(want)).Version() || server.Definition().Version() != is {
			t.Errorf("with the file %d another one than %d is in force", file, want)
		}
		if do != nil {
			do(server)
		}
		if err := server.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	put := func(server *syncline.Server, n, restored int) {
		t.Helper()
		if _, err := server.Switch(t.Context(), syncline.App{Definition: parsed(t, text(n))}, syncline.How{Restored: restored}); err != nil {
			t.Fatal(err)
		}
	}
	run(1, 1, nil)                                       // number 1
	run(2, 2, func(s *syncline.Server) { put(s, 1, 1) }) // 2, 3: 1 restored in the place of 2
	run(2, 1, nil)                                       // it holds
	run(2, 1, func(s *syncline.Server) { put(s, 2, 0) }) // 4: the file after all
	run(2, 2, func(s *syncline.Server) { put(s, 1, 1) }) // 5
	run(3, 3, nil)                                       // 6: the file has changed
	run(2, 2, func(s *syncline.Server) { put(s, 1, 1) }) // 7, 8
	run(1, 1, func(s *syncline.Server) { put(s, 3, 6) }) // 9: the file says what was restored; 10
	run(1, 3, func(s *syncline.Server) { put(s, 2, 2) }) // 11: one restored in the place of another
	run(1, 2, func(s *syncline.Server) {
		all, err := s.History().All(t.Context())
		if err != nil || len(all) != 11 || all[8].Restored != 0 || all[10].Restored != 2 || all[10].Instead != all[8].Digest {
			t.Errorf("%d, %v: %+v", len(all), err, all)
		}
	})
}

// TestDespiteTests: what fails its own tests is taken if the operator says so, and again at the next start.
func TestDespiteTests(t *testing.T) {
	dir := t.TempDir()
	good := parsed(t, `{"spaces":{"s":{"open":"true","collections":{"c":{"read":"true"}}}}}`)
	bad := parsed(t, `{"spaces":{"s":{"open":"true","collections":{"c":{"read":"false"}}}},"tests":[{"space":"s","entries":{"c/1":{}},"cases":[{"as":{"uid":"ada"},"sees":["c/1"]}]}]}`)
	open := func(d *definition.Definition) (*syncline.Server, error) {
		return syncline.Open(t.Context(), syncline.Options{Dir: dir, Definition: d})
	}
	if _, err := open(bad); err == nil || !strings.Contains(err.Error(), "should see c/1") {
		t.Fatalf("%v", err)
	}
	server, err := open(good)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := server.Switch(t.Context(), syncline.App{Definition: bad}, syncline.How{}); err == nil {
		t.Error("it is taken")
	}
	done, err := server.Switch(t.Context(), syncline.App{Definition: bad}, syncline.How{DespiteTests: true})
	if err != nil || len(done.Failures) != 1 || server.Policy().Version() != bad.Version() {
		t.Errorf("%+v, %v", done, err)
	}
	if err := server.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if server, err = open(bad); err != nil {
		t.Fatal(err)
	}
	if err := server.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}
