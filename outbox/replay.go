package outbox

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/syncline/syncline/space"
)

// Rescan looks at all spaces and replays now. It is for whoever has changed the ledger.
func (o *Outbox) Rescan() {
	o.mu.Lock()
	o.again = true
	o.mu.Unlock()
	o.nudge()
}

// replays starts to send dead letters that are to be sent again, one after the
// other for each delivery, unless that is being done.
func (o *Outbox) replays() error {
	waiting := map[string][]string{} // rows by delivery
	for e, err := range o.opts.Ledger.Scan(o.ctx, inReplays, "") {
		if err != nil {
			return err
		}
		var t try
		if err := json.Unmarshal(e.Payload, &t); err != nil {
			return fmt.Errorf("replay %s: %w", e.Key.ID, err)
		}
		if t.Next.After(o.opts.Now()) {
			continue // rescan comes by again
		}
		var delivery string
		if _, err := fmt.Sscan(e.Key.ID, &delivery); err != nil {
			return fmt.Errorf("replay %s: %w", e.Key.ID, err)
		}
		if len(waiting[delivery]) < some {
			waiting[delivery] = append(waiting[delivery], e.Key.ID)
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for delivery, rows := range waiting {
		if o.replaying[delivery] || o.closed {
			continue
		}
		o.replaying[delivery] = true
		o.wg.Add(1)
		go func() {
			defer o.wg.Done()
			for _, row := range rows {
				if err := o.replay(row); err != nil {
					if o.ctx.Err() == nil {
						o.opts.Logger.Error("a dead letter could not be replayed", "delivery", delivery, "error", err)
					}
					break
				}
			}
			o.mu.Lock()
			delete(o.replaying, delivery)
			o.mu.Unlock()
		}()
	}
	return nil
}

// replay sends one dead letter again. The error is the outbox's own.
func (o *Outbox) replay(row string) error {
	again, dead := space.Key{Collection: inReplays, ID: row}, space.Key{Collection: inDead, ID: row}
	text, err := o.opts.Ledger.Get(o.ctx, dead)
	if err != nil {
		return err
	}
	if text == nil {
		return o.opts.Ledger.Save(Row{again, nil}) // forgotten meanwhile
	}
	var l Letter
	if err := json.Unmarshal(text, &l); err != nil {
		return err
	}
	var t try
	if text, err = o.opts.Ledger.Get(o.ctx, again); err != nil || text == nil {
		return err
	}
	if err := json.Unmarshal(text, &t); err != nil {
		return err
	}
	h := o.hook(lanePlace{l.Delivery, l.Space})
	if h == nil {
		return o.opts.Ledger.Save(Row{again, nil}) // nobody is to be told any more: the letter stays
	}
	to, err := o.endpoint(h.To)
	if err != nil {
		return err
	}
	o.stats.Sent.Add(1)
	answer, err := to.Send(o.ctx, l.ID, l.Body)
	switch {
	case err != nil && o.ctx.Err() != nil:
		return err
	case err == nil && answer.OK():
		o.stats.Delivered.Add(1)
		if err := o.opts.Ledger.Save(l.removed()...); err != nil {
			return err
		}
		o.opts.Logger.Info("a dead letter was delivered", "delivery", l.Delivery, "endpoint", h.To, "space", l.Space, "message", l.ID)
		return nil
	}
	o.stats.Failed.Add(1)
	l.Error = failure(answer, err)
	l.Attempts++
	t.N++
	r := retry{base: o.opts.RetryBase, ceiling: retryCeiling, random: func() float64 { return 1 }}
	t.Next = o.opts.Now().Add(r.after(t.N, answer.RetryAfter)).UTC().Truncate(time.Millisecond)
	rows := []Row{{again, nil}, {dead, nil}}
	if t.N < to.Attempts() {
		if rows[0].Value, err = json.Marshal(t); err != nil {
			return err
		}
	}
	if rows[1].Value, err = json.Marshal(&l); err != nil {
		return err
	}
	return o.opts.Ledger.Save(rows...)
}
