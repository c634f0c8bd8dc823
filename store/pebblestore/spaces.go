package pebblestore

import (
	"container/list"
	"sync"
	"sync/atomic"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
)

// A spaceState is what memory holds of one space: its locks and its head.
type spaceState struct {
	path space.Path

	sweeping  sync.Mutex // one Trim or Drop at a time
	appending sync.Mutex // one Append or Drop at a time, held over the fsync

	// head is what everybody may see: durable, nil until it is read from disk
	// (under appending, so that what is read is not a commit on its way).
	head atomic.Pointer[store.Head]

	refs int           // guarded by spaces.mu
	idle *list.Element // in spaces.idle while refs is 0
}

// update replaces the head. Append moves the cursor and Trim the horizon, at
// once perhaps.
func (p *spaceState) update(change func(*store.Head)) {
	for {
		old := p.head.Load()
		next := *old
		change(&next)
		if p.head.CompareAndSwap(old, &next) {
			return
		}
	}
}

// spaces are the states in use and the most recently used of the others.
type spaces struct {
	limit int

	mu   sync.Mutex
	all  map[space.Path]*spaceState
	idle *list.List // the most recently used first
}

func newSpaces(limit int) *spaces {
	return &spaces{limit: limit, all: make(map[space.Path]*spaceState), idle: list.New()}
}

// acquire returns the state of a space, which stays the only one of that space
// until release.
func (s *spaces) acquire(path space.Path) *spaceState {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.all[path]
	if p == nil {
		p = &spaceState{path: path}
		s.all[path] = p
	}
	if p.idle != nil {
		s.idle.Remove(p.idle)
		p.idle = nil
	}
	p.refs++
	return p
}

func (s *spaces) release(p *spaceState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.refs--; p.refs > 0 {
		return
	}
	p.idle = s.idle.PushFront(p)
	for s.idle.Len() > s.limit {
		oldest := s.idle.Remove(s.idle.Back()).(*spaceState)
		delete(s.all, oldest.path)
	}
}
