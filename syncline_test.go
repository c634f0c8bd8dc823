package syncline_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/syncline/syncline"
	"github.com/syncline/syncline/internal/testclient"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

// serve opens a server, on a directory of its own unless another is said, and serves it.
func serve(t testing.TB, opts syncline.Options) (*syncline.Server, string) {
	t.Helper()
	if opts.Dir == "" {
		opts.Dir = t.TempDir()
	}
	server, err := syncline.Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(server.Handler())
	t.Cleanup(func() {
		if err := server.Close(context.Background()); err != nil {
			t.Error(err)
		}
		web.Close()
	})
	return server, web.URL
}

func dial(t testing.TB, url, user string) *testclient.Conn {
	t.Helper()
	c, err := testclient.Dial(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if err := c.Send(&wire.Hello{V: []int{1}, User: user}); err != nil {
		t.Fatal(err)
	}
	testclient.Expect[*wire.Welcome](t, c)
	return c
}

const client = space.ClientID("client-0123456789abcdef")

func put(id space.MutationID, key, value string) space.Mutation {
	return space.Mutation{ID: id, Ops: []space.Op{{Op: space.OpPut, In: "cards", ID: key, Value: []byte(value)}}}
}

// TestRoundTrip: what one session writes, another sees, in the promised order.
func TestRoundTrip(t *testing.T) {
	_, url := serve(t, syncline.Options{})
	a, b := dial(t, url, "ada"), dial(t, url, "bob")
	view := space.View{{In: "cards"}}
	for _, c := range []*testclient.Conn{a, b} {
		open := &wire.Open{Space: "team/alpha", View: view}
		if c == a {
			open.Client = client
		}
		if err := c.Send(open); err != nil {
			t.Fatal(err)
		}
		if o := testclient.Expect[*wire.Opened](t, c); o.Resume != wire.ResumeReset || o.Reason != wire.ResetNew {
			t.Fatalf("opened: %+v", o)
		}
		if d := testclient.Expect[*wire.Diff](t, c); !d.Reset || d.Count == nil || *d.Count != 0 {
			t.Fatalf("first diff: %+v", d)
		}
	}
	for i := range space.MutationID(3) {
		if err := a.Send(&wire.Push{Space: "team/alpha", Mutations: []space.Mutation{put(i+1, fmt.Sprint("c", i), `{"n": 1}`)}}); err != nil {
			t.Fatal(err)
		}
		ack := testclient.Expect[*wire.Ack](t, a)
		if len(ack.Outcomes) != 1 || ack.Outcomes[0].Kind != space.Applied || ack.Outcomes[0].Seq != space.Seq(i+1) {
			t.Fatalf("ack: %+v", ack)
		}
		for _, c := range []*testclient.Conn{a, b} {
			d := testclient.Expect[*wire.Diff](t, c)
			if d.To.Seq != space.Seq(i+1) || len(d.Put) != 1 || string(d.Put[0].Value) != `{"n":1}` {
				t.Fatalf("diff: %+v", d)
			}
		}
	}
	// The same mutation again has its first outcome and changes nothing.
	if err := a.Send(&wire.Push{Space: "team/alpha", Mutations: []space.Mutation{put(2, "c1", `{"n": 1}`)}}); err != nil {
		t.Fatal(err)
	}
	if ack := testclient.Expect[*wire.Ack](t, a); ack.Outcomes[0].Seq != 2 || ack.Outcomes[0].Kind != space.Applied {
		t.Fatalf("duplicate: %+v", ack)
	}
}
