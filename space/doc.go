// Package space holds the words that every part of Syncline shares: the path
// of a space, the key of an entry, sequence numbers, digests, cursors, client
// ids, mutations and their outcomes, views, and the commits of a space's log
// with their one binary form.
//
// It belongs to the ground floor: it knows no engine, no clock, no goroutine
// and no network. What a commit does to data is package kernel's business; how
// messages travel is package wire's.
package space
