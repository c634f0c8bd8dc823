package outbox

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/space"
)

// MaxDead bounds the dead letters of one delivery. When there are as many, further
// events are tried again instead, and what follows them waits.
const MaxDead = 10_000

// A Letter is an event that nobody took. It holds what was sent, so that it can be
// sent again when history no longer reaches back to it.
type Letter struct {
	ID         string         `json:"id"` // of the message, as in webhook-id
	Delivery   string         `json:"delivery"`
	Space      space.Path     `json:"space"`
	Seq        space.Seq      `json:"seq"`
	N          int            `json:"n"`
	Collection string         `json:"collection"`
	Entry      string         `json:"entry"`
	Since      time.Time      `json:"since"` // when it was given up
	Attempts   int            `json:"attempts"`
	Error      string         `json:"error"` // of the last attempt
	Body       jsontext.Value `json:"body"`
}

func (l *Letter) row() string {
	return fmt.Sprintf("%s %s %016d.%05d %s", l.Delivery, l.Space, l.Seq, l.N, l.ID)
}

// bury makes an event a dead letter of the next save, if there is room.
func (t *telling) bury(e *event, body []byte, why string) {
	l := Letter{
		ID: e.id, Delivery: t.place.delivery, Space: t.place.path, Seq: e.seq, N: e.n, Collection: e.key.Collection, Entry: e.key.ID,
		Since: t.o.opts.Now().UTC().Truncate(time.Millisecond), Attempts: e.N, Error: why, Body: body,
	}
	text, err := json.Marshal(&l)
	if err == nil {
		err = t.o.room(l.Delivery)
	}
	if err != nil {
		t.o.opts.Logger.Error("there is no room for a dead letter; what follows waits", "delivery", l.Delivery, "space", l.Space, "error", err)
		return
	}
	t.letters = append(t.letters, Row{space.Key{Collection: inDead, ID: l.row()}, text})
	t.buried = append(t.buried, e)
	t.o.stats.Dead.Add(1)
}

// room reports whether a delivery may have one more dead letter. It counts those in
// the ledger when it does not know, or has come to the limit: others may have removed some.
func (o *Outbox) room(delivery string) error {
	o.mu.Lock()
	n, known := o.letters[delivery]
	o.mu.Unlock()
	if !known || n >= MaxDead {
		n = 0
		for e, err := range o.opts.Ledger.Scan(o.ctx, inDead, delivery+" ") {
			if err != nil {
				return err
			}
			if !strings.HasPrefix(e.Key.ID, delivery+" ") {
				break
			}
			n++
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.letters[delivery] = n; n >= MaxDead {
		return fmt.Errorf("%d dead letters; replay or forget some", n)
	}
	o.letters[delivery]++
	return nil
}

// Dead yields the dead letters, those of one delivery and space together and in order.
func (l *Ledger) Dead(ctx context.Context) iter.Seq2[*Letter, error] {
	return func(yield func(*Letter, error) bool) {
		for e, err := range l.Scan(ctx, inDead, "") {
			var letter Letter
			if err == nil {
				err = json.Unmarshal(e.Payload, &letter)
			}
			if !yield(&letter, err) || err != nil {
				return
			}
		}
	}
}

// some is how many dead letters are dealt with in one save.
const some = 500

// Replay has dead letters sent again that match, and returns how many. Those that
// are not taken this time either stay dead letters.
func (l *Ledger) Replay(ctx context.Context, match func(*Letter) bool) (n int, err error) {
	return l.each(ctx, match, func(letter *Letter) []Row {
		return []Row{{space.Key{Collection: inReplays, ID: letter.row()}, []byte("{}")}}
	})
}

// Forget removes dead letters that match, and returns how many.
func (l *Ledger) Forget(ctx context.Context, match func(*Letter) bool) (n int, err error) {
	return l.each(ctx, match, (*Letter).removed)
}

func (l *Letter) removed() []Row {
	return []Row{{space.Key{Collection: inDead, ID: l.row()}, nil}, {space.Key{Collection: inReplays, ID: l.row()}, nil}}
}

func (l *Ledger) each(ctx context.Context, match func(*Letter) bool, rows func(*Letter) []Row) (n int, err error) {
	var batch []Row
	for letter, err := range l.Dead(ctx) {
		if err != nil {
			return n, err
		}
		if !match(letter) {
			continue
		}
		n++
		if batch = append(batch, rows(letter)...); len(batch) >= some {
			if err := l.Save(batch...); err != nil {
				return n, err
			}
			batch = nil
		}
	}
	if len(batch) > 0 {
		err = l.Save(batch...)
	}
	return n, err
}
