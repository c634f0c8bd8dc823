package sim

import (
	"fmt"
	"time"

	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store/memstore"
)

// record runs the schedule of a seed, with a richer workload than Run's, and
// records its first replica. Replicas do not crash in it. With drops there are rules,
// and clients that understand drops.
func record(seed uint64, drops bool) *recording {
	w := &world{clock: &clock{}, seed: seed, views: map[string]*kernel.View{}}
	w.oracle = &oracle{w: w, marks: map[string]space.Seq{}, versions: map[space.Key][]space.Version{}}
	chief := w.newActor(seed, 0)
	w.plan = draw(chief)
	w.plan.clients = 2 + chief.rand.IntN(2)
	w.plan.mutations = 6 + chief.rand.IntN(14)
	w.plan.clientCrash = 0
	w.plan.ruled, w.plan.drops, w.plan.eager = drops, drops, drops
	w.server = &server{actor: w.newActor(seed, 1), w: w, store: memstore.New(), oracle: w.oracle}
	w.server.start()
	for i := range w.plan.clients {
		c := &client{actor: w.newActor(seed, 10+i), w: w, name: fmt.Sprintf("r%d", i), store: memstore.New()}
		c.view = drawView(c)
		w.clients = append(w.clients, c)
		c.after(c.between(0, 50*time.Millisecond), c.start)
	}
	r := &recording{
		seed: seed, w: w, client: w.clients[0], view: encode(w.view(w.clients[0]).Source()), pending: "[]", rejected: "[]",
		ids: map[space.ClientID]int{}, numbers: map[string]int{}, has: map[string]bool{},
	}
	r.client.tap = r
	for range w.plan.mutations {
		chief.after(chief.between(0, w.plan.length), func() { w.disturb(chief) })
	}
	app := &application{actor: w.newActor(seed, 2), r: r, views: chief.chance(3)}
	app.after(60*time.Millisecond, app.furnish)
	if !app.views && chief.chance(8) {
		app.after(app.between(100*time.Millisecond, w.plan.length), app.copy)
	}
	for range 6 + chief.rand.IntN(14) {
		app.after(app.between(0, w.plan.length), app.turn)
	}
	chief.after(w.plan.length, w.heal)
	for events := 0; events < maxEvents && w.err == nil && w.clock.step(); events++ {
	}
	if w.err == nil {
		w.converged()
	}
	r.end("settled")
	return r
}
