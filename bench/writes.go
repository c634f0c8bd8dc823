package main

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// benchWrites: durable writes over one WebSocket.
func benchWrites(r *run) error {
	floor, err := spawn("floor", r.temp("floor"))
	if err != nil {
		return err
	}
	defer floor.stop()
	ours, err := spawn("syncline", r.temp("syncline"))
	if err != nil {
		return err
	}
	defer ours.stop()
	d := pick(r, 2*time.Second, 300*time.Millisecond)
	for _, c := range []struct {
		name     string
		inFlight int
		rate     goal
		cpu      goal
	}{
		{"64 in flight", 64, atLeast(0.5), atMost(2)},
		{"one at a time", 1, atLeast(0.7), noGoal},
	} {
		flows := make([][]flow, 4)
		measure := func(which int, p *process, to dialer, listen bool) func(int) error {
			return func(round int) error {
				l, err := to(listen, nil)
				if err != nil {
					return err
				}
				defer l.close()
				var n int
				var took time.Duration
				write := func() error {
					i := uint64(0)
					n, took, err = pump(l, c.inFlight, d, func(b []byte) []byte { i++; return l.writes(b, i) })
					return err
				}
				before, err := p.ask(order{Do: "usage"})
				if err != nil {
					return err
				}
				cpu, err := p.used(func() error {
					if which == 0 {
						return r.profiled(p, fmt.Sprintf("writes-%d", c.inFlight), round, write)
					}
					return write()
				})
				if err != nil {
					return err
				}
				after, err := p.ask(order{Do: "usage"})
				together := float64(after.Commits-before.Commits) / float64(max(after.Appends-before.Appends, 1))
				flows[which] = append(flows[which], flow{float64(n) / took.Seconds(), cpu / time.Duration(max(n, 1)), together})
				return err
			}
		}
		err := r.inTurns(
			measure(0, ours, toSyncline(ours.url, fmt.Sprintf("writes/w%d", c.inFlight)), false),
			measure(1, floor, toFloor(floor.url, "/log", "w"), false),
			measure(2, floor, toFloor(floor.url, "/fsync", "w"), false),
			measure(3, ours, toSyncline(ours.url, fmt.Sprintf("writes/v%d", c.inFlight)), true),
		)
		if err != nil {
			return err
		}
		rate := func(which int) []float64 {
			return each(flows[which], func(f flow) float64 { return f.rate })
		}
		cpu := func(which int) []float64 {
			return each(flows[which], func(f flow) float64 { return float64(f.cpu) / 1e3 })
		}
		line := r.ratio("200 bytes, "+c.name, "/s", rate(0), rate(1), c.rate)
		line.Note = fmt.Sprintf("%.1f commits to a group commit", spreadOf(each(flows[0], func(f flow) float64 { return f.together })).Median)
		r.ratio("same, floor with Go's plain File.Sync", "/s", rate(0), rate(2), noGoal)
		r.ratio("same, the writer also holds the view", "/s", rate(3), rate(1), noGoal)
		r.ratio("server CPU a write, "+c.name, "µs", cpu(0), cpu(1), c.cpu)
	}
	return nil
}

func each[T any](values []T, f func(T) float64) []float64 {
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = f(v)
	}
	return out
}

// benchSpaces: 64 writers, each with its share of 1,000 spaces, one write at a
// time each: in process against synced commits of the same records by 64
// goroutines, over 64 WebSockets against a bare server that appends and syncs.
func benchSpaces(r *run) error {
	const writers = 64
	spaces := pick(r, 1000, 128)
	d := pick(r, 2*time.Second, 300*time.Millisecond)
	floor, err := spawn("pebble", r.temp("pebble"))
	if err != nil {
		return err
	}
	defer floor.stop()
	bare, err := spawn("floor", r.temp("bare"))
	if err != nil {
		return err
	}
	defer bare.stop()
	ours, err := spawn("syncline", r.temp("syncline"))
	if err != nil {
		return err
	}
	defer ours.stop()
	links, bareLinks := make([]*link, writers), make([]*link, writers)
	mine := make([][]string, writers)
	for i := range spaces {
		mine[i%writers] = append(mine[i%writers], fmt.Sprintf("many/s%d", i))
	}
	for i := range links {
		if links[i], err = (door{url: ours.url, spaces: mine[i], writer: true}).open(); err != nil {
			return err
		}
		defer links[i].close()
		if bareLinks[i], err = toFloor(bare.url, "/log", mine[i][0])(false, nil); err != nil {
			return err
		}
		defer bareLinks[i].close()
	}
	var raw, inside, outside, bareOutside []float64
	numbers := make([]uint64, writers)
	err = r.inTurns(
		func(int) error {
			a, err := floor.ask(order{Do: "load", Writers: writers, Spaces: spaces, MS: int(d.Milliseconds())})
			raw = append(raw, a.Rate)
			return err
		},
		func(round int) error {
			return r.profiled(ours, "inside", round, func() error {
				a, err := ours.ask(order{Do: "load", Writers: writers, Spaces: spaces, MS: int(d.Milliseconds())})
				inside = append(inside, a.Rate)
				return err
			})
		},
		func(round int) error {
			return r.profiled(ours, "spaces", round, func() error {
				rate, err := pumpAll(links, d, func(b []byte, i int) []byte {
					numbers[i]++
					n := numbers[i]
					return links[i].push(b, mine[i][n%uint64(len(mine[i]))], n, n, recordBytes)
				})
				outside = append(outside, rate)
				return err
			})
		},
		func(int) error {
			counts := make([]uint64, writers)
			rate, err := pumpAll(bareLinks, d, func(b []byte, i int) []byte {
				counts[i]++
				return bareLinks[i].writes(b, counts[i])
			})
			bareOutside = append(bareOutside, rate)
			return err
		},
	)
	if err != nil {
		return err
	}
	r.ratio(fmt.Sprintf("%d spaces, 64 writers in process", spaces), "/s", inside, raw, atLeast(0.5))
	r.ratio(fmt.Sprintf("%d spaces, 64 writers over 64 WebSockets", spaces), "/s", outside, bareOutside, atLeast(0.5))
	r.ratio("same, against the commits in process", "/s", outside, raw, noGoal)
	return nil
}

// pumpAll has each link write one message at a time and returns the rate of all.
func pumpAll(links []*link, d time.Duration, next func(b []byte, link int) []byte) (rate float64, err error) {
	rates := make([]float64, len(links))
	errs := make([]error, len(links))
	var wg sync.WaitGroup
	for i, l := range links {
		wg.Go(func() {
			n, took, err := pump(l, 1, d, func(b []byte) []byte { return next(b, i) })
			rates[i], errs[i] = float64(n)/took.Seconds(), err
		})
	}
	wg.Wait()
	for _, r := range rates {
		rate += r
	}
	return rate, errors.Join(errs...)
}
