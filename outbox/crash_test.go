package outbox_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncline/syncline/outbox"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store/memstore"
)

// A life is a schedule: commits, moods of the receiver, and crashes at appends of the ledger.
type life struct {
	seed    uint64
	crashes func(append int) string // "append", "appended" or none, by the number of the append
	bugs    outbox.Bugs
}

// live runs a schedule to its end and returns what is wrong with it.
func live(t *testing.T, l life) (problems []string, appends int) {
	synctest.Test(t, func(t *testing.T) { problems, appends = l.run(t) })
	return problems, appends
}

func (l life) run(t *testing.T) (problems []string, appends int) {
	random := rand.New(rand.NewPCG(l.seed, 2))
	p, to := policy(t, text), newReceiver(l.seed)
	st := memstore.New()
	spaces := []space.Path{"team/a", "team/b", "other/c"}
	write(t, st, "team/a", [3]string{"cards", "old", "{}"}) // before the delivery was introduced
	var count, crashes atomic.Int64
	var writing, opening atomic.Bool
	crashed := make(chan struct{}, 1)
	arm := func(st *memstore.Store) {
		broken := false
		st.Fault = func(op string) error {
			if writing.Load() || opening.Load() || op != "append" && op != "appended" {
				return nil
			}
			if broken {
				return errors.New("crashed")
			}
			n := int(count.Load())
			if op == "appended" {
				count.Add(1)
			}
			if l.crashes(n) == op {
				if op == "append" {
					count.Add(1)
				}
				broken = true
				crashes.Add(1)
				crashed <- struct{}{}
				return errors.New("crash")
			}
			return nil
		}
	}
	var o *outbox.Outbox
	var ledger *outbox.Ledger
	begin := func() {
		arm(st)
		opening.Store(true)
		o, ledger = open(t, st, p, to, l.bugs)
		opening.Store(false)
	}
	begin()
	expected := map[name]string{} // entries of events
	restart := func() {
		o.Close()
		st = st.Clone()
		begin()
	}
	pass := func(d time.Duration) { // lets time pass, and starts anew after a crash
		end := time.After(d)
		for {
			select {
			case <-end:
				synctest.Wait()
				select {
				case <-crashed:
					restart()
				default:
				}
				return
			case <-crashed:
				restart()
			}
		}
	}
	for range 25 {
		path := spaces[random.IntN(len(spaces))]
		var entries [][3]string
		for _, id := range random.Perm(4)[:1+random.IntN(2)] {
			id := []string{"x", "y", "z", "bad"}[id]
			payload := fmt.Sprintf(`{"n":%d}`, random.IntN(1000))
			switch random.IntN(8) {
			case 0:
				payload = ""
			case 1:
				payload = `{"hidden":true}`
			}
			collection := []string{"cards", "cards", "notes"}[random.IntN(3)]
			entries = append(entries, [3]string{collection, id, payload})
		}
		slices.SortFunc(entries, func(a, b [3]string) int { return strings.Compare(a[0]+"/"+a[1], b[0]+"/"+b[1]) })
		writing.Store(true)
		seq := write(t, st, path, entries...)
		writing.Store(false)
		for n, e := range entries {
			if path != "other/c" && e[0] == "cards" && e[2] != `{"hidden":true}` {
				expected[name{string(path), seq, n}] = string(path) + " cards/" + e[1]
			}
		}
		pass(time.Duration(random.IntN(2000)) * time.Millisecond)
	}
	dead := map[name]bool{}
	for range 500 {
		pass(time.Minute)
		clear(dead)
		for letter, err := range ledger.Dead(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			dead[name{string(letter.Space), letter.Seq, letter.N}] = true
		}
		settled, taken := 0, to.taken()
		for at := range expected {
			if _, ok := taken[at]; ok || dead[at] {
				settled++
			}
		}
		if settled == len(expected) {
			break
		}
	}
	// What is saved lately may still be told once more; then all is quiet.
	pass(10 * time.Minute)
	o.Close()
	to.mu.Lock()
	defer to.mu.Unlock()
	problem := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	for at := range expected {
		if _, taken := to.events[at]; !taken && !dead[at] {
			problem("%v was not told", at)
		}
		if limit := to.attempts + int(crashes.Load()); to.sends[at] > limit {
			problem("%v was sent %d times; %d attempts are allowed, and one for each crash", at, to.sends[at], to.attempts)
		}
	}
	for at := range to.events {
		if expected[at] == "" {
			problem("%v was told", at)
		}
	}
	for entry, order := range to.order {
		last := name{}
		for _, at := range order {
			if at.seq < last.seq {
				problem("of %s, %v was told after %v", entry, at, last)
			}
			last = at
		}
	}
	return append(problems, to.faults...), int(count.Load())
}

func never(int) string { return "" }

// TestCrashAtEveryAppend ends the process at each write of the ledger, before and after it.
func TestCrashAtEveryAppend(t *testing.T) {
	_, appends := live(t, life{seed: 1, crashes: never})
	if appends < 20 {
		t.Fatalf("only %d appends: the schedule tells nothing", appends)
	}
	for n := range appends + 1 {
		for _, op := range []string{"append", "appended"} {
			problems, _ := live(t, life{seed: 1, crashes: func(at int) string {
				if at == n {
					return op
				}
				return ""
			}})
			for _, p := range problems {
				t.Errorf("crash at %s %d: %s", op, n, p)
			}
		}
	}
}

func often(seed uint64) func(int) string {
	random := rand.New(rand.NewPCG(seed, 3))
	left := 12
	return func(int) string {
		if random.IntN(10) > 0 || left == 0 {
			return ""
		}
		left--
		return []string{"append", "appended"}[random.IntN(2)]
	}
}

// TestSchedules runs random ones with many crashes.
func TestSchedules(t *testing.T) {
	n := uint64(60)
	if os.Getenv("SYNCLINE_LONG") != "" {
		n = 3000
	}
	for seed := range n {
		problems, _ := live(t, life{seed: seed, crashes: often(seed)})
		for _, p := range problems {
			t.Errorf("seed %d: %s", seed, p)
		}
	}
}

// TestPlantedBugs: what the schedules look for they would see.
func TestPlantedBugs(t *testing.T) {
	for name, c := range map[string]struct {
		bugs outbox.Bugs
		want string
	}{
		"saved before delivery":  {outbox.Bugs{SavedFirst: true}, "was not told"},
		"no order":               {outbox.Bugs{AnyOrder: true}, "at once"},
		"attempts forgotten":     {outbox.Bugs{NoTries: true}, "attempts are allowed"},
		"dead letters not saved": {outbox.Bugs{DeadLost: true}, "was not told"},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(40) {
				problems, _ := live(t, life{seed: seed, crashes: often(seed), bugs: c.bugs})
				if strings.Contains(strings.Join(problems, "\n"), c.want) {
					t.Logf("seen with seed %d", seed)
					return
				}
			}
			t.Error("not seen")
		})
	}
}
