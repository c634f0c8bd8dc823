// Package boltstore is the Go replica's store: spaces in one bbolt file. It
// needs bbolt and nothing else.
//
// # Durability
//
// One goroutine writes. It merges the Appends that wait into one bbolt
// transaction, so that they share its two fsyncs; each is still carried out whole
// or not at all, and the conflict of one is no business of the others. Nobody is
// shown a commit before its fsync: bbolt's readers may see a transaction that is
// being committed, so heads are held back (Store.inflight) until it is durable.
//
// # Damage
//
// bbolt has no checksums of its own but on the two pages that begin its file.
// Each row here ends in a CRC-32C of its key and value, checked whenever it is
// read, and each space's rows are summed up, so that VerifyEngine notices one
// that is missing. Open walks the pages of the file (checkFile), for bbolt panics
// on pages that make no sense. A row that damage of a page in between has made
// unreachable while the store is open may be taken for one that does not exist.
//
// # bbolt's settings
//
// The list of free pages is kept in memory only (NoFreelistSync, rebuilt by
// Open): written, it would cost each commit its length, and a flipped bit in it
// would have bbolt overwrite live pages. As a hash map, because runs of pages are
// looked for at each commit.
//
// A View is a read transaction from its creation to its Close. Pages that it may
// read are not reused meanwhile: a view kept open makes the file grow. The file
// is mapped into a large range of addresses from the start (Options.MapBytes); a
// file that outgrows it must wait for all views to be closed.
//
// # Lock order
//
// None is held while another is taken, but Store.mu inside bbolt's.
package boltstore
