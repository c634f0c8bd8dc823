package main

import (
	"fmt"
	"net"
	"time"
)

// benchIdle: what a connection costs that has subscribed and is idle.
func benchIdle(r *run) error {
	connections := pick(r, 5000, 200)
	const perSpace = 50
	settle := pick(r, 5*time.Second, 200*time.Millisecond)
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
	measure := func(p *process, open func(i int) (*link, error)) (natural, collected, heap float64, err error) {
		// The first ones pay for what all share.
		for i := range 100 {
			l, err := open(i)
			if err != nil {
				return 0, 0, 0, err
			}
			defer l.close()
		}
		before, err := p.ask(order{Do: "usage", GC: true})
		if err != nil {
			return 0, 0, 0, err
		}
		for i := range connections {
			l, err := open(100 + i)
			if err != nil {
				return 0, 0, 0, fmt.Errorf("connection %d: %w", i, err)
			}
			defer l.close()
		}
		time.Sleep(settle)
		as, err := p.ask(order{Do: "usage"})
		if err != nil {
			return 0, 0, 0, err
		}
		after, err := p.ask(order{Do: "usage", GC: true})
		n := float64(connections) * 1024
		return float64(as.RSS-before.RSS) / n, float64(after.RSS-before.RSS) / n, float64(after.Heap-before.Heap) / n, err
	}
	// Many connections need more ports than one address has.
	local := func(i int) string { return net.IPv4(127, 0, 0, byte(1+i/20000)).String() }
	a, b, c, err := measure(ours, func(i int) (*link, error) {
		return door{url: ours.url, spaces: []string{fmt.Sprintf("idle/s%d", i/perSpace)}, view: true, local: local(i)}.open()
	})
	if err != nil {
		return err
	}
	fa, fb, fc, err := measure(floor, func(i int) (*link, error) {
		return dialFloor(floor.url, linkOptions{path: fmt.Sprintf("/cast?listen&room=%d", i/perSpace), local: local(i)}, nil)
	})
	if err != nil {
		return err
	}
	// The floor is a bare WebSocket server with the same connections.
	what := fmt.Sprintf("RSS a connection, %d of them, %d in a space", connections, perSpace)
	withFloor := func(name string, ours, floor float64, want goal) *row {
		line := row{Case: name, Unit: "KiB", Ours: spreadOf([]float64{ours}), Floor: spreadOf([]float64{floor}), Ratio: spreadOf([]float64{ours / floor})}
		want(&line, ours)
		if line.Goal != "" {
			line.Goal += " KiB"
		}
		return r.add(line)
	}
	withFloor(what, a, fa, atMost(32))
	withFloor("same, after a forced collection", b, fb, noGoal)
	withFloor("same, heap and stacks", c, fc, noGoal)
	return nil
}

// benchSlow: what a client costs that has stopped reading while others write.
func benchSlow(r *run) error {
	slow := pick(r, 100, 10)
	writes := pick(r, 6000, 3000)
	const size = 2000 // more than the kernel takes for a connection must be written
	ours, err := spawn("syncline", r.temp("syncline"))
	if err != nil {
		return err
	}
	defer ours.stop()
	writer, err := door{url: ours.url, spaces: []string{"slow/space"}, writer: true}.open()
	if err != nil {
		return err
	}
	defer writer.close()
	release := make(chan struct{})
	defer close(release)
	for range slow {
		// The first frame after opening is never returned from: reading stops.
		l, err := door{url: ours.url, spaces: []string{"slow/space"}, view: true, small: true, on: func([]byte) { <-release }}.open()
		if err != nil {
			return err
		}
		defer l.close()
	}
	write := func(from, to int) error {
		n := uint64(from)
		done := 0
		acked := make(chan int, 1024)
		writer.hear(func(frame []byte) { acked <- writer.acks(frame) })
		waiting := 0
		for done < to-from {
			for waiting < 16 && int(n) < to {
				if err := writer.send(writer.push(nil, "slow/space", n%2000, n, size)); err != nil {
					return err
				}
				n++
				waiting++
			}
			select {
			case k := <-acked:
				done, waiting = done+k, waiting-k
			case err := <-writer.failed:
				return err
			case <-time.After(20 * time.Second):
				return fmt.Errorf("no acknowledgement: slow clients stop the writer")
			}
		}
		return nil
	}
	// The engine's memory is there before the first measurement.
	if err := write(0, 100); err != nil {
		return err
	}
	before, err := ours.ask(order{Do: "usage", GC: true})
	if err != nil {
		return err
	}
	begun := time.Now()
	if err := write(100, writes); err != nil {
		return err
	}
	took := time.Since(begun)
	after, err := ours.ask(order{Do: "usage", GC: true})
	if err != nil {
		return err
	}
	if after.Sessions < int64(slow)+1 {
		return fmt.Errorf("%d of %d sessions are left: the figure would mean nothing", after.Sessions, slow+1)
	}
	line := r.absolute(fmt.Sprintf("heap growth for each of %d clients that do not read", slow), "KiB", []float64{float64(after.Heap-before.Heap) / 1024 / float64(slow)}, atMost(256))
	line.Note = fmt.Sprintf("%d writes of %d bytes in %.1f s; %d times a client was found too slow; the growth includes the writer's memtable", writes-100, size, took.Seconds(), after.Overflows)
	if after.Overflows < int64(slow) && !r.quick {
		return fmt.Errorf("only %d of %d clients fell behind", after.Overflows, slow)
	}
	return nil
}
