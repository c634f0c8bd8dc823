package sim

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/syncline/syncline/space"
)

// collections are all that the workload writes to, in the order of keys.
var collections = []string{"cards", "marks", "members", "notes", "pair", "register"}

// snapshot adds to the last event how the replica differs from what it was.
func (r *recording) snapshot() {
	if r.ended != "" {
		return
	}
	e, c := r.last, r.client.core
	e.stepped = true
	add := func(name, value string) { e.state = append(e.state, strconv.Quote(name)+":"+value) }
	var put, del []string
	now := map[space.Key]string{}
	for _, collection := range collections {
		for entry, err := range c.Scan(context.Background(), collection) {
			if err != nil {
				r.end(err.Error())
				return
			}
			row := encode([]any{entry.Key.Collection, entry.Key.ID, entry.Version, entry.State, string(entry.Value)})
			now[entry.Key] = row
			if r.shown[entry.Key] != row {
				put = append(put, row)
			}
		}
	}
	for key := range r.shown {
		if now[key] == "" {
			del = append(del, encode(key.Pair()))
		}
	}
	slices.Sort(del)
	r.shown = now
	if len(put) > 0 {
		add("put", "["+strings.Join(put, ",")+"]")
	}
	if len(del) > 0 {
		add("del", "["+strings.Join(del, ",")+"]")
	}
	pending, rejected := []int{}, [][]any{}
	for _, m := range c.Pending() {
		pending = append(pending, r.numbers[encode(m.Ops)])
	}
	for _, m := range c.Rejected() {
		rejected = append(rejected, []any{r.numbers[encode(m.Ops)], m.Outcome.ID, m.Outcome.Code})
	}
	if text := encode(pending); text != r.pending {
		r.pending = text
		add("pending", text)
	}
	if text := encode(rejected); text != r.rejected {
		r.rejected = text
		add("rejected", text)
	}
	if cursor := c.Status().Cursor; r.cursor != cursor {
		r.cursor = cursor
		add("cursor", strconv.Quote(cursor.String()))
	}
	r.alive()
}

// alive notes whether the replica counts as live, once more if it asks for the
// space again.
func (r *recording) alive() {
	live := r.client.core.Status().Live
	if live == r.live {
		return
	}
	r.live = live
	const member = `"live":`
	r.last.state = slices.DeleteFunc(r.last.state, func(old string) bool { return strings.HasPrefix(old, member) })
	r.last.state = append(r.last.state, member+strconv.FormatBool(live))
}

// text is the recording as lines of JSON: one that says what it is of, then one
// for each event.
func (r *recording) text() []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, `{"schedule":%d,"view":%s,"pushed":%d,"end":%q}`+"\n", r.seed, r.view, limits.Pushed, r.ended)
	for _, e := range r.events {
		fmt.Fprintf(&out, `{"at":%s,%s`, strconv.FormatFloat(float64(e.at/time.Microsecond)/1000, 'f', -1, 64), e.what)
		for _, member := range e.state {
			out.WriteString("," + member)
		}
		if len(e.sent) > 0 {
			fmt.Fprintf(&out, `,"sent":[%s]`, strings.Join(e.sent, ","))
		}
		out.WriteString("}\n")
	}
	return out.Bytes()
}

func encode(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}
