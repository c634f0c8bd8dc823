package host_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/host"
	"github.com/syncline/syncline/host/core"
	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store/memstore"
	"github.com/syncline/syncline/wire"
)

// A call adds to a register, which is one entry, and finds out what it held.
type call struct {
	key string
	add int
}

// registers is the model: what it must look like from outside, one register at a
// time, as if each operation had happened at one moment between its call and its
// return.
var registers = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byKey := map[string][]porcupine.Operation{}
		for _, o := range history {
			key := o.Input.(call).key
			byKey[key] = append(byKey[key], o)
		}
		var parts [][]porcupine.Operation
		for _, part := range byKey {
			parts = append(parts, part)
		}
		return parts
	},
	Init: func() any { return 0 },
	Step: func(state, input, output any) (bool, any) {
		return state.(int) == output.(int), state.(int) + input.(call).add
	},
	Equal: func(a, b any) bool { return a == b },
	DescribeOperation: func(input, output any) string {
		return fmt.Sprintf("%+v found %v", input, output)
	},
}

// A worker adds to registers by reading its own copy and writing upon it, and
// tries again when it was stale.
type worker struct {
	*peer
	random *rand.Rand
	local  *copyOf
	last   space.MutationID
	found  map[string]space.Seq // versions
}

func (w *worker) value(key string) int {
	text, ok := w.local.entries["cards/"+key]
	if !ok {
		return 0
	}
	var record struct {
		N int `json:"n"`
	}
	if err := json.Unmarshal([]byte(text), &record); err != nil {
		w.Fatal(err)
	}
	return record.N
}

func (w *worker) take(m wire.ServerMessage) {
	if d, ok := m.(*wire.Diff); ok {
		w.local.apply(d)
		for _, row := range d.Put {
			w.found[row.Key.ID] = row.Version
		}
	}
}

// do adds to a register and returns what it held.
func (w *worker) do(c call) int {
	for {
		n := w.value(c.key)
		o := space.Op{Op: space.OpPut, In: "cards", ID: c.key, Value: jsontext.Value(fmt.Sprintf(`{"n":%d}`, n+c.add))}
		w.last++
		m := space.Mutation{ID: w.last}
		switch w.random.IntN(3) {
		case 0: // by the version of the entry
			version := w.found[c.key]
			o.If = &version
		case 1: // by the key
			m.Reads = &space.Reads{At: w.local.cursor.Seq, Keys: []space.KeyPair{{"cards", c.key}}}
		default: // by a selector that finds this register
			m.Reads = &space.Reads{At: w.local.cursor.Seq, Where: space.View{{In: "cards", Where: []byte(fmt.Sprintf(`{"n":%d}`, n))}}, Keys: []space.KeyPair{{"cards", c.key}}}
		}
		m.Ops = []space.Op{o}
		w.push(m)
		for {
			message := w.hear()
			w.take(message)
			ack, ok := message.(*wire.Ack)
			if !ok {
				continue
			}
			outcome := ack.Outcomes[0]
			if outcome.ID != w.last {
				w.Fatalf("%+v, want the outcome of %d", outcome, w.last)
			}
			if outcome.Kind == space.Rejected && outcome.Code != space.CodeStale {
				w.Fatalf("%+v", outcome)
			}
			for w.local.cursor.Seq < outcome.Seq-1 || outcome.Kind == space.Applied && w.local.cursor.Seq < outcome.Seq {
				w.take(w.hear())
			}
			if outcome.Kind == space.Applied {
				return n
			}
			break // stale: again, upon what is there now
		}
	}
}

func (w *worker) hear() wire.ServerMessage {
	m := w.peer.next()
	if m == nil {
		w.Fatal("the session is over")
	}
	return m
}

// record runs workers against each other and returns what each saw, and when.
func record(t *testing.T, h *host.Host, seed uint64, workers, each int) []porcupine.Operation {
	var (
		wg      sync.WaitGroup
		mu      sync.Mutex
		history []porcupine.Operation
		begin   = time.Now()
	)
	for id := range workers {
		w := &worker{peer: connect(t, h, fmt.Sprint(id)), random: rand.New(rand.NewPCG(seed, uint64(id))), local: newCopy(t), found: map[string]space.Seq{}}
		opened, d := w.open(wire.Open{Client: client(fmt.Sprint(id)), View: cards})
		w.local.view = opened.View
		w.take(d)
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range each {
				c := call{fmt.Sprint("r", w.random.IntN(2)), 1 + w.random.IntN(3)}
				called := time.Since(begin).Nanoseconds()
				found := w.do(c)
				returned := time.Since(begin).Nanoseconds()
				mu.Lock()
				history = append(history, porcupine.Operation{ClientId: id, Input: c, Output: found, Call: called, Return: returned})
				mu.Unlock()
			}
		}()
	}
	wg.Wait()
	return history
}

// TestLinearizable: serializable mutations of concurrent sessions, by versions, by
// keys and by selectors, look as if they had been carried out one by one.
func TestLinearizable(t *testing.T) {
	histories := map[string]int{"memory": 45, "pebble": 10}
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			for seed := range uint64(histories[name]) {
				if got := verify(t, host.Options{Store: s}, seed); got != porcupine.Ok {
					t.Fatalf("seed %d: %v", seed, got)
				}
				if err := s.Drop(t.Context(), path); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestLinearizabilityIsChecked: reads that are not looked at are found out.
func TestLinearizabilityIsChecked(t *testing.T) {
	for seed := uint64(0); ; seed++ {
		s := memstore.New()
		opts := host.Options{Store: s}
		opts.PlantBugs(core.Bugs{Kernel: kernel.Bugs{StaleReads: true}})
		if verify(t, opts, seed) == porcupine.Illegal {
			return
		}
		if seed == 20 {
			t.Fatal("the planted bug is not found")
		}
	}
}

func verify(t *testing.T, opts host.Options, seed uint64) porcupine.CheckResult {
	h := newHost(t, opts)
	history := record(t, h, seed, 4, 12)
	if err := h.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return porcupine.CheckOperationsTimeout(registers, history, 20*time.Second)
}
