package core

import (
	"os"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/value"
	"github.com/syncline/syncline/wire"
)

type vector struct {
	Name      string       `json:"name"`
	Confirmed []wire.Row   `json:"confirmed"`
	Cursor    space.Seq    `json:"cursor"`
	Steps     []vectorStep `json:"steps"`
}

type vectorStep struct {
	Mutate   *space.Mutation `json:"mutate"`
	Outcomes []space.Outcome `json:"outcomes"`
	Diff     *struct {
		To    space.Seq       `json:"to"`
		Put   []wire.Row      `json:"put"`
		Del   []space.KeyPair `json:"del"`
		Reset bool            `json:"reset"`
		More  bool            `json:"more"`
	} `json:"diff"`
	Retry   LocalID `json:"retry"`
	Discard LocalID `json:"discard"`
	Expect  *struct {
		Visible  [][3]jsontext.Value  `json:"visible"`
		Pending  []LocalID            `json:"pending"`
		Rejected []LocalID            `json:"rejected"`
		States   map[string]SyncState `json:"states"`
	} `json:"expect"`
}

// TestVectors runs what the TypeScript client runs, too.
func TestVectors(t *testing.T) {
	raw, err := os.ReadFile("../../testdata/vectors/rebase.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(raw, &vectors, json.RejectUnknownMembers(true)); err != nil {
		t.Fatal(err)
	}
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			runVector(t, &v)
			defer func(was int) { stageBytes = was }(stageBytes)
			stageBytes = 0
			runVector(t, &v)
		})
	}
}

func runVector(t *testing.T, v *vector) {
	r := newRig(t, func(o *Options) { o.View = space.View{{In: "cards"}, {In: "people"}} })
	r.connect(0, cur(v.Cursor))
	r.receive(reset(cur(v.Cursor), v.Confirmed...))
	for i, step := range v.Steps {
		var err error
		var fx Effects
		switch {
		case step.Mutate != nil:
			_, fx, err = r.core.Mutate(bg, epoch, step.Mutate.Ops, step.Mutate.Reads)
		case step.Outcomes != nil:
			r.push()
			fx = r.ack(step.Outcomes...)
		case step.Diff != nil:
			d := step.Diff
			from := r.core.Cursor
			if d.To < from.Seq {
				from = cur(d.To)
				if d.Reset { // a server that was restored says so first
					r.reopen(r.core.Acked, cur(d.To), forked)
				}
			}
			fx = r.receive(&wire.Diff{View: "v", From: from, To: cur(d.To), Put: d.Put, Del: d.Del, Reset: d.Reset, More: d.More})
		case step.Retry != 0:
			_, fx, err = r.core.Retry(bg, epoch, step.Retry)
		case step.Discard != 0:
			fx, err = r.core.Discard(bg, epoch, step.Discard)
		case step.Expect != nil:
			checkExpect(t, r, i, step)
		}
		if fx.Action == Reopen { // what the server said was refused
			fx = r.reopen(r.core.Acked, r.core.Cursor)
		}
		if err != nil || fx.Action != Continue {
			t.Fatalf("step %d: %v, %v %v", i, err, fx.Action, fx.Err)
		}
	}
}

func checkExpect(t *testing.T, r *rig, i int, step vectorStep) {
	t.Helper()
	want := map[string]string{}
	for _, row := range step.Expect.Visible {
		var in, id string
		if json.Unmarshal(row[0], &in) != nil || json.Unmarshal(row[1], &id) != nil {
			t.Fatal("a bad vector")
		}
		canonical, err := value.Canonical(row[2], value.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		want[in+"/"+id] = string(canonical)
	}
	got := map[string]string{}
	for _, in := range []string{"cards", "people"} {
		for e, err := range r.core.Scan(bg, in) {
			if err != nil {
				t.Fatal(err)
			}
			got[e.Key.String()] = string(e.Value)
			if state, ok := step.Expect.States[e.Key.String()]; ok && state != e.State {
				t.Errorf("step %d: %s is %s, want %s", i, e.Key, e.State, state)
			}
		}
	}
	for key := range step.Expect.States {
		if _, ok := got[key]; !ok {
			t.Errorf("step %d: %s does not show", i, key)
		}
	}
	if len(got) != len(want) {
		t.Errorf("step %d: shows %v, want %v", i, got, want)
	}
	for key, text := range want {
		if got[key] != text {
			t.Errorf("step %d: %s is %s, want %s", i, key, got[key], text)
		}
	}
	if step.Expect.Pending != nil {
		checkIDs(t, i, "pending", r.core.Pending(), step.Expect.Pending)
	}
	if step.Expect.Rejected != nil {
		checkIDs(t, i, "rejected", r.core.Rejected(), step.Expect.Rejected)
	}
}

func checkIDs(t *testing.T, i int, what string, got []Mutation, want []LocalID) {
	t.Helper()
	same := len(got) == len(want)
	for j := 0; same && j < len(got); j++ {
		same = got[j].ID == want[j]
	}
	if !same {
		t.Errorf("step %d: %s are %v, want %v", i, what, got, want)
	}
}
