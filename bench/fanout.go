package main

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// A hall is writers and listeners in one space or room. It numbers writes from 0.
type hall struct {
	base    time.Time
	due     []atomic.Int64 // when each write was due, after base
	writers []*link
	ears    []*ear
}

// An ear is what one listener has got.
type ear struct {
	hall  *hall
	got   []uint8 // how often each write
	late  []int64 // nanoseconds from due to receipt, in the order of receipt
	count atomic.Int64
	last  atomic.Int64 // when the last one came, after base
	link  *link
}

// newHall connects. With together the writers are listeners, too; otherwise
// there is one writer beside them.
func newHall(to dialer, listeners int, together bool, writes int) (*hall, error) {
	h := &hall{base: time.Now(), due: make([]atomic.Int64, writes)}
	for range listeners {
		e := &ear{hall: h, got: make([]uint8, writes), late: make([]int64, 0, writes)}
		l, err := to(true, e.hear)
		if err != nil {
			h.close()
			return nil, err
		}
		e.link = l
		h.ears = append(h.ears, e)
		if together {
			h.writers = append(h.writers, l)
		}
	}
	if !together {
		l, err := to(false, nil)
		if err != nil {
			h.close()
			return nil, err
		}
		h.writers = append(h.writers, l)
	}
	return h, nil
}

func (h *hall) close() {
	for _, e := range h.ears {
		e.link.close()
	}
	for _, w := range h.writers {
		w.close()
	}
}

func (e *ear) hear(frame []byte) {
	now := int64(time.Since(e.hall.base))
	n := int64(0)
	marks(frame, func(i int) {
		if i >= len(e.got) {
			return
		}
		e.got[i]++
		e.late = append(e.late, now-e.hall.due[i].Load())
		n++
	})
	if n > 0 {
		e.last.Store(now)
		e.count.Add(n)
	} else if e.link != nil {
		e.link.acks(frame) // to see refusals
	}
}

// A heard is what an open loop of writes came to.
type heard struct {
	p50, p99  time.Duration
	delivered float64 // a second
	lost      int     // writes that somebody did not get within the time allowed
	twice     int
}

var errRefused = errors.New("writes were refused")

// speak writes at a fixed rate, whatever becomes of the writes, the writers in
// turns, and waits until everybody has heard everything.
func (h *hall) speak(rate float64, patience time.Duration) (heard, error) {
	begun := time.Since(h.base)
	gap := float64(time.Second) / rate
	var buf []byte
	for i := range h.due {
		due := begun + time.Duration(float64(i)*gap)
		if wait := due - time.Since(h.base); wait > 200*time.Microsecond {
			time.Sleep(wait)
		}
		h.due[i].Store(int64(due))
		w := h.writers[i%len(h.writers)]
		buf = w.writes(buf[:0], uint64(i))
		if err := w.send(buf); err != nil {
			return heard{}, fmt.Errorf("%w: %w", errRefused, err)
		}
	}
	until := time.Now().Add(patience)
	for !h.complete() && time.Now().Before(until) {
		time.Sleep(2 * time.Millisecond)
	}
	var r heard
	var late []int64
	var last, total int64
	for _, e := range h.ears {
		select {
		case err := <-e.link.failed:
			return heard{}, fmt.Errorf("%w: %w", errRefused, err)
		default:
		}
		n := int(e.count.Load()) // what is before it may be read
		late = append(late, e.late[:n]...)
		total += int64(n)
		last = max(last, e.last.Load())
	}
	if h.complete() {
		for _, e := range h.ears {
			for _, n := range e.got {
				if n == 0 {
					r.lost++
				} else if n > 1 {
					r.twice++
				}
			}
		}
	} else {
		r.lost = len(h.ears)*len(h.due) - int(total)
	}
	if len(late) == 0 {
		return r, nil
	}
	slices.Sort(late)
	r.p50, r.p99 = time.Duration(late[len(late)/2]), time.Duration(late[len(late)*99/100])
	r.delivered = float64(total) / (time.Duration(last) - begun).Seconds()
	return r, nil
}

func (h *hall) complete() bool {
	for _, e := range h.ears {
		if int(e.count.Load()) < len(h.due) {
			return false
		}
	}
	return true
}

var halls atomic.Int64

// stages are the servers that fan out, and how to get into a new space of each.
func stages(r *run) (ours, floor *process, to []func() dialer, err error) {
	if floor, err = spawn("floor", r.temp("floor")); err != nil {
		return nil, nil, nil, err
	}
	if ours, err = spawn("syncline", r.temp("syncline")); err != nil {
		floor.stop()
		return nil, nil, nil, err
	}
	return ours, floor, []func() dialer{
		func() dialer { return toSyncline(ours.url, fmt.Sprintf("fan/h%d", halls.Add(1))) },
		func() dialer { return toFloor(floor.url, "/cast", fmt.Sprint(halls.Add(1))) },
		func() dialer { return toFloor(floor.url, "/logcast", fmt.Sprint(halls.Add(1))) },
	}, nil
}

// benchFanout: from a write to its receipt by each of 200 subscribers.
func benchFanout(r *run) error {
	ours, floor, to, err := stages(r)
	if err != nil {
		return err
	}
	defer floor.stop()
	defer ours.stop()
	const rate = 25
	listeners := pick(r, 200, 20)
	writes := pick(r, 75, 10)
	p50, p99 := make([][]float64, 3), make([][]float64, 3)
	turn := func(which int) func(int) error {
		return func(round int) error {
			h, err := newHall(to[which](), listeners, false, writes)
			if err != nil {
				return err
			}
			defer h.close()
			time.Sleep(100 * time.Millisecond) // what opening has left to do
			var got heard
			speak := func() (err error) { got, err = h.speak(rate, 5*time.Second); return err }
			if which == 0 {
				err = r.profiled(ours, "fanout", round, speak)
			} else {
				err = speak()
			}
			if err != nil {
				return err
			}
			if got.lost+got.twice > 0 {
				return fmt.Errorf("%d writes lost, %d received twice", got.lost, got.twice)
			}
			p50[which] = append(p50[which], float64(got.p50)/1e6)
			p99[which] = append(p99[which], float64(got.p99)/1e6)
			return nil
		}
	}
	if err := r.inTurns(turn(0), turn(1), turn(2)); err != nil {
		return err
	}
	what := fmt.Sprintf("to %d subscribers", listeners)
	r.ratio(what+", p99, floor broadcasts without a log", "ms", p99[0], p99[1], atMost(2))
	r.ratio(what+", p99, floor syncs before it broadcasts", "ms", p99[0], p99[2], atMost(2))
	r.ratio(what+", p50, floor broadcasts without a log", "ms", p50[0], p50[1], noGoal)
	r.ratio(what+", p50, floor syncs before it broadcasts", "ms", p50[0], p50[2], noGoal)
	return nil
}

// tolerable is the highest p99 at which a rate counts as sustained.
const tolerable = 250 * time.Millisecond

// benchCrowd: the highest rate of deliveries among clients that all write and
// all read. A rate is sustained if the writes, sent at it whatever happens, all
// arrive and 99 of 100 do within 250 ms.
func benchCrowd(r *run) error {
	ours, floor, to, err := stages(r)
	if err != nil {
		return err
	}
	defer floor.stop()
	defer ours.stop()
	crowd := pick(r, 50, 10)
	d := pick(r, 1500*time.Millisecond, 200*time.Millisecond)
	best := make([][]float64, 3)
	from := []float64{0, 0, 0} // where to look next
	lost := 0

	step := func(which int, rate float64) (heard, bool, error) {
		h, err := newHall(to[which](), crowd, true, int(rate*d.Seconds()))
		if err != nil {
			return heard{}, false, err
		}
		defer h.close()
		got, err := h.speak(rate, 40*time.Second)
		if errors.Is(err, errRefused) {
			return got, false, nil // it says so: nothing is lost
		}
		if err != nil {
			return got, false, err
		}
		if which == 0 {
			lost += got.lost + got.twice
		}
		return got, got.lost == 0 && got.p99 <= tolerable, nil
	}
	turn := func(which int) func(int) error {
		return func(int) error {
			rate, factor := from[which], 1.15
			if rate == 0 {
				rate, factor = 250, 2
			}
			top, sustained, failures := 0.0, 0.0, 0
			for range pick(r, 16, 2) {
				got, ok, err := step(which, rate)
				if err != nil {
					return err
				}
				switch {
				case ok:
					top, sustained, failures = max(top, got.delivered), rate, 0
					rate *= factor
				case factor == 2 && sustained > 0:
					rate, factor = sustained*1.15, 1.15
				case sustained == 0: // it began too high
					rate *= 0.7
				default:
					failures++
				}
				if failures == 2 { // once may be chance
					break
				}
			}
			from[which] = sustained * 0.8
			best[which] = append(best[which], top)
			return nil
		}
	}
	saved := r.rounds
	r.rounds = min(r.rounds, 3) // each round has many steps
	err = r.inTurns(turn(0), turn(1), turn(2))
	r.rounds = saved
	if err != nil {
		return err
	}
	what := fmt.Sprintf("%d clients write and read", crowd)
	line := r.ratio(what+", deliveries with p99 ≤ 250 ms, floor broadcasts without a log", "/s", best[0], best[1], atLeast(0.7))
	line.Note = fmt.Sprintf("%d writes lost or received twice in all steps of Syncline", lost)
	r.ratio(what+", same, floor syncs before it broadcasts", "/s", best[0], best[2], noGoal)
	if lost > 0 {
		return errors.New(line.Note)
	}
	return nil
}
