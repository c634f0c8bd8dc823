package outbox

import (
	"container/heap"
	"time"

	"github.com/syncline/syncline/space"
)

// run plans until the outbox is closed.
func (o *Outbox) run() {
	var scanned time.Time
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		now := o.opts.Now()
		if o.asked() || scanned.IsZero() || now.Sub(scanned) >= rescan {
			if err := o.scan(); err != nil && o.ctx.Err() == nil {
				o.opts.Logger.Error("the outbox could not look for what is to be told", "error", err)
			}
			scanned = now
		}
		timer.Reset(min(o.plan(now), rescan))
		select {
		case <-o.ctx.Done():
			return
		case <-o.wake:
		case <-timer.C:
		}
	}
}

// asked reports whether a scan was asked for.
func (o *Outbox) asked() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	again := o.again
	o.again = false
	return again
}

// scan looks at all spaces, and at dead letters that are to be sent again.
func (o *Outbox) scan() error {
	for h, err := range o.opts.Store.Heads(o.ctx) {
		if err != nil {
			return err
		}
		if !h.Space.Reserved() {
			o.due(h.Space, func(read space.Seq) bool { return read != h.Cursor.Seq })
		}
	}
	return o.replays()
}

// due makes the lanes of a space ready, of those at rest the ones that more tells of.
func (o *Outbox) due(path space.Path, more func(read space.Seq) bool) {
	for _, hook := range o.opts.Rules(path).Deliveries() {
		place := lanePlace{hook.Name, path}
		o.mu.Lock()
		if read, ok := o.passed[place]; !ok || more(read) {
			o.rouse(place)
		}
		o.mu.Unlock()
	}
}

// rouse makes a lane ready. o.mu is held.
func (o *Outbox) rouse(place lanePlace) {
	j := o.jobs[place]
	switch {
	case j == nil:
		j = &job{lanePlace: place, at: -1, news: make(chan struct{}, 1)}
		o.jobs[place] = j
	case j.working:
		j.again = true
		select {
		case j.news <- struct{}{}:
		default:
		}
		return
	case j.at < 0 || j.hurt:
		return // ready already, or better left alone
	default:
		heap.Remove(&o.sleepers, j.at)
	}
	o.ready[place.delivery] = append(o.ready[place.delivery], j)
}

// plan starts what is ready and says when to look again.
func (o *Outbox) plan(now time.Time) time.Duration {
	o.mu.Lock()
	news := o.news
	o.news = map[space.Path]struct{}{}
	o.mu.Unlock()
	for path := range news {
		o.due(path, func(space.Seq) bool { return true })
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.sleepers) > 0 && !o.sleepers[0].wakes.After(now) {
		o.sleepers[0].hurt = false
		o.rouse(o.sleepers[0].lanePlace)
	}
	for delivery, ready := range o.ready {
		for len(ready) > 0 && o.working[delivery] < maxLanes && !o.closed {
			j := ready[0]
			ready = ready[1:]
			j.working = true
			o.working[delivery]++
			o.wg.Add(1)
			go o.work(j)
		}
		if o.ready[delivery] = ready; len(ready) == 0 {
			delete(o.ready, delivery)
		}
	}
	if len(o.sleepers) > 0 {
		return max(o.sleepers[0].wakes.Sub(now), 0)
	}
	return rescan
}

// work tells what a lane has to tell, and lets it sleep or forgets it.
func (o *Outbox) work(j *job) {
	defer o.wg.Done()
	o.mu.Lock()
	save := j.save
	j.save = false
	o.mu.Unlock()
	read, wakes, err := o.tell(j.lanePlace, save, j.news)
	if err != nil && o.ctx.Err() == nil {
		o.opts.Logger.Error("an outbox lane stopped; it is tried again", "delivery", j.delivery, "space", j.path, "error", err)
		wakes = o.opts.Now().Add(patience)
	}
	o.mu.Lock()
	j.working, j.hurt = false, err != nil
	o.working[j.delivery]--
	switch {
	case o.closed:
	case j.again && err == nil:
		j.again = false
		o.ready[j.delivery] = append(o.ready[j.delivery], j)
	case !wakes.IsZero():
		j.again = false
		j.wakes = wakes
		heap.Push(&o.sleepers, j)
	default:
		delete(o.jobs, j.lanePlace)
		if len(o.passed) >= keepIdle {
			clear(o.passed)
		}
		o.passed[j.lanePlace] = read
	}
	o.mu.Unlock()
	o.nudge()
}

// sleepers is a heap of jobs by when they wake.
type sleepers []*job

func (s sleepers) Len() int           { return len(s) }
func (s sleepers) Less(i, j int) bool { return s[i].wakes.Before(s[j].wakes) }
func (s sleepers) Swap(i, j int) {
	s[i], s[j] = s[j], s[i]
	s[i].at, s[j].at = i, j
}

func (s *sleepers) Push(v any) {
	j := v.(*job)
	j.at = len(*s)
	*s = append(*s, j)
}

func (s *sleepers) Pop() any {
	all := *s
	j := all[len(all)-1]
	j.at = -1
	*s = all[:len(all)-1]
	return j
}
