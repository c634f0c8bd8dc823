package replica_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/syncline/syncline/replica"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store/memstore"
	"github.com/syncline/syncline/wire"
)

// What is written shows at once, connection or not, and is sent when there is one.
func Example() {
	ctx := context.Background()
	url, stop := serve(wire.Limits{}) // a program has one already
	defer stop()

	r, err := replica.Open(ctx, replica.Options{
		Store:   memstore.New(), // a program gives a Path
		URL:     url,
		Offline: true,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	s, err := r.Space(ctx, "team/alpha", space.Part{In: "cards"})
	if err != nil {
		log.Fatal(err)
	}

	write, err := s.Put(ctx, "cards", "c1", map[string]any{"title": "Write", "votes": 0})
	if err != nil {
		log.Fatal(err)
	}
	card, _, _ := s.Get(ctx, "cards", "c1")
	fmt.Println(card.State, string(card.Value))

	r.GoOnline()
	if _, err := write.Wait(ctx); err != nil {
		log.Fatal(err)
	}
	if err := s.Sync(ctx); err != nil {
		log.Fatal(err)
	}
	card, _, _ = s.Get(ctx, "cards", "c1")
	fmt.Println(card.State, string(card.Value))
	// Output:
	// pending {"title":"Write","votes":0}
	// confirmed {"title":"Write","votes":0}
}

// A mutation that the server refuses is taken back where it shows, and kept.
func ExampleSpace_Rejected() {
	ctx := context.Background()
	url, stop := serve(wire.Limits{})
	defer stop()
	r, err := replica.Open(ctx, replica.Options{Store: memstore.New(), URL: url})
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	s, err := r.Space(ctx, "team/alpha", space.Part{In: "cards"})
	if err != nil {
		log.Fatal(err)
	}

	write, err := s.Patch(ctx, "cards", "c1", `{"$inc": {"votes": 1}}`)
	if err != nil {
		log.Fatal(err)
	}
	var refused *replica.RejectedError
	if _, err := write.Wait(ctx); errors.As(err, &refused) {
		fmt.Println(refused.Outcome.Code)
	}
	for _, m := range s.Rejected() {
		fmt.Println(m.Ops[0].Op, m.Ops[0].ID, m.Outcome.Message)
		if err := s.Discard(ctx, m.ID); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// not_found
	// patch c1 there is no entry to patch
}

// A serializable mutation is refused if anything that it has read has changed.
func ExampleSpace_Mutate() {
	ctx := context.Background()
	r, err := replica.Open(ctx, replica.Options{Store: memstore.New(), Offline: true})
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	s, err := r.Space(ctx, "team/alpha", space.Part{In: "rooms"})
	if err != nil {
		log.Fatal(err)
	}

	book := func(tx *replica.Tx) error {
		if _, taken, err := tx.Get("rooms", "blue"); err != nil || taken {
			return errors.Join(err, errors.New("the room is taken"))
		}
		return tx.Put("rooms", "blue", `{"by": "ada"}`)
	}
	_, err = s.Mutate(ctx, book, replica.MutateOptions{Serializable: true})
	fmt.Println(err)
	_, err = s.Mutate(ctx, book, replica.MutateOptions{Serializable: true})
	fmt.Println(err)
	// Output:
	// <nil>
	// the room is taken
}

// Queries are Mango selectors with a sort, a limit and fields.
func ExampleSpace_Query() {
	ctx := context.Background()
	r, err := replica.Open(ctx, replica.Options{Store: memstore.New(), Offline: true})
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	s, err := r.Space(ctx, "team/alpha", space.Part{In: "cards"})
	if err != nil {
		log.Fatal(err)
	}
	_, err = s.Mutate(ctx, func(tx *replica.Tx) error {
		return errors.Join(
			tx.Put("cards", "a", `{"title": "Write", "votes": 3}`),
			tx.Put("cards", "b", `{"title": "Read", "votes": 5}`),
			tx.Put("cards", "c", `{"title": "Rest", "votes": 0}`),
		)
	})
	if err != nil {
		log.Fatal(err)
	}
	q := replica.MustQuery("cards", `{"where": {"votes": {"$gt": 0}}, "sort": [{"votes": "desc"}], "fields": ["title"]}`)
	for e, err := range s.Query(ctx, q) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(e.Key.ID, string(e.Value))
	}
	// Output:
	// b {"title":"Read"}
	// a {"title":"Write"}
}
