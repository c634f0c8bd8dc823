package storetest

import (
	"time"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
)

// Put is a change that stores a record.
func Put(collection, id, payload string) space.Change {
	p := []byte(payload)
	return space.Change{Key: space.Key{Collection: collection, ID: id}, Type: space.Record, Hash: space.PayloadHash(p), Payload: p}
}

// Delete is a change that deletes a record.
func Delete(collection, id string) space.Change {
	return space.Change{Key: space.Key{Collection: collection, ID: id}, Type: space.Record, Deleted: true}
}

// Next is the sealed commit of an anonymous writer that follows previous.
// Changes must be in the order of keys.
func Next(previous space.Cursor, changes ...space.Change) *space.Commit {
	return NextBy(previous, "", 0, changes...)
}

// NextBy is Next for the mutation of a client.
func NextBy(previous space.Cursor, client space.ClientID, mutation space.MutationID, changes ...space.Change) *space.Commit {
	c := &space.Commit{
		Seq:      previous.Seq + 1,
		Time:     time.UnixMilli(1_700_000_000_000 + int64(previous.Seq)).UTC(),
		Client:   client,
		Mutation: mutation,
		Changes:  changes,
	}
	if client != "" {
		c.Author = "author of " + string(client)
	}
	c.Seal(previous.Digest)
	return c
}

// Chain is a batch of one anonymous commit for each list of changes.
func Chain(path space.Path, base space.Cursor, commits ...[]space.Change) store.Batch {
	b := store.Batch{Space: path, Base: base}
	for _, changes := range commits {
		c := Next(base, changes...)
		b.Commits = append(b.Commits, c)
		base = c.Cursor()
	}
	return b
}

// End is the head that b leaves behind.
func End(b store.Batch) space.Cursor { return b.Commits[len(b.Commits)-1].Cursor() }
