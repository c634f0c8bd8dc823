package hook

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/syncline/syncline/host/core"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/webhook"
)

type caller func(ctx context.Context, id string, body []byte) (webhook.Answer, error)

func (c caller) Send(ctx context.Context, id string, body []byte) (webhook.Answer, error) {
	return c(ctx, id, body)
}

func says(status int, body string) caller {
	return func(context.Context, string, []byte) (webhook.Answer, error) {
		return webhook.Answer{Status: status, Body: []byte(body)}, nil
	}
}

func question(to ...string) *core.Ask {
	ask := &core.Ask{ID: "ask_1", Author: "ada", At: time.UnixMilli(1e12)}
	for _, name := range to {
		ask.Asked = append(ask.Asked, core.Asked{
			Hook: "budget", To: name,
			Changes: []space.Change{
				{Key: space.Key{Collection: "cards", ID: "a"}, Payload: []byte(`{"n":2}`)},
				{Key: space.Key{Collection: "cards", ID: "b"}, Deleted: true},
				{Key: space.Key{Collection: "cards", ID: "c"}, Payload: []byte(`{}`)},
			},
			Old: []space.Version{{Seq: 4, Payload: []byte(`{"n":1}`)}, {Seq: 5, Payload: []byte(`{}`)}, {}},
		})
	}
	return ask
}

// TestAnswers: what is no clear answer is none.
func TestAnswers(t *testing.T) {
	yes, none := core.Verdict{Agreed: true}, core.Verdict{}
	for _, c := range []struct {
		answer caller
		want   core.Verdict
	}{
		{says(200, `{"allow":true}`), yes},
		{says(200, `{"allow":true,"message":"fine"}`), yes},
		{says(200, `{"allow":false,"message":"no\u0000\n\u202Emore"}`), core.Verdict{Refused: true, Message: "no   more"}},
		{says(200, `{"allow":false}`), core.Verdict{Refused: true, Message: "another system does not agree to this"}},
		{says(200, `{"allow":false,"message":"`+strings.Repeat("x", 1000)+`"}`), core.Verdict{Refused: true, Message: strings.Repeat("x", maxMessage) + "…"}},
		{says(200, ``), none},
		{says(200, `true`), none},
		{says(200, `{}`), none},
		{says(200, `{"allow":null}`), none},
		{says(200, `{"allow":"true"}`), none},
		{says(200, `{"allow":1}`), none},
		{says(200, `{"allow":true}{"allow":false}`), none},
		{says(200, `{"allow":false,"allow":true}`), none},
		{says(200, `{"Allow":true}`), none},
		{says(200, `{"allow":true,"x":1}`), none},
		{says(201, `{"allow":true}`), none},
		{says(302, `{"allow":true}`), none},
		{says(500, `{"allow":true}`), none},
		{says(403, `{"allow":false}`), none},
		{func(context.Context, string, []byte) (webhook.Answer, error) {
			return webhook.Answer{}, errors.New("refused")
		}, none},
	} {
		a := Asker{Endpoints: map[string]Caller{"one": c.answer}, Logger: slog.New(slog.DiscardHandler)}
		if got := a.Ask(t.Context(), "team/a", question("one")); got != c.want {
			answer, _ := c.answer(t.Context(), "", nil)
			t.Errorf("%d %s: %+v, want %+v", answer.Status, answer.Body, got, c.want)
		}
	}
}

// TestEverybodyAgrees: all who are asked, and each is told what it is asked about.
func TestEverybodyAgrees(t *testing.T) {
	yes, no, broken := says(200, `{"allow":true}`), says(200, `{"allow":false,"message":"no"}`), says(500, "")
	var told Message[Question]
	a := Asker{Logger: slog.New(slog.DiscardHandler), Endpoints: map[string]Caller{
		"yes": yes, "no": no, "broken": broken,
		"told": caller(func(_ context.Context, id string, body []byte) (webhook.Answer, error) {
			if id != "ask_1_0" {
				t.Errorf("id %s", id)
			}
			return webhook.Answer{Status: 200, Body: []byte(`{"allow":true}`)}, json.Unmarshal(body, &told, json.RejectUnknownMembers(true))
		}),
	}}
	for want, all := range map[core.Verdict][][]string{
		{Agreed: true}:                 {{"yes"}, {"yes", "yes"}, {"told"}},
		{Refused: true, Message: "no"}: {{"no"}, {"yes", "no"}, {"no", "broken"}, {"broken", "no"}},
		{}:                             {{"broken"}, {"yes", "broken"}, {"nobody"}, {"yes", "nobody"}},
	} {
		for _, to := range all {
			if got := a.Ask(t.Context(), "team/a", question(to...)); got != want {
				t.Errorf("%v: %+v, want %+v", to, got, want)
			}
		}
	}
	text, _ := json.Marshal(told.Data)
	if want := `{"space":"team/a","hook":"budget","author":"ada","changes":[{"collection":"cards","id":"a","op":"update","old":{"n":1},"new":{"n":2}},` +
		`{"collection":"cards","id":"b","op":"delete","old":{},"new":null},{"collection":"cards","id":"c","op":"create","old":null,"new":{}}]}`; string(text) != want || told.Type != TypeAsk {
		t.Errorf("%s %s", told.Type, text)
	}
}

// TestHanging: whoever hangs has not answered when time is up.
func TestHanging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := Asker{Logger: slog.New(slog.DiscardHandler), Endpoints: map[string]Caller{
			"hangs": caller(func(ctx context.Context, _ string, _ []byte) (webhook.Answer, error) {
				<-ctx.Done()
				return webhook.Answer{}, ctx.Err()
			}),
			"yes": says(200, `{"allow":true}`),
		}}
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		defer cancel()
		begun := time.Now()
		if got := a.Ask(ctx, "team/a", question("yes", "hangs")); got != (core.Verdict{}) || time.Since(begun) != 4*time.Second {
			t.Errorf("%+v after %s", got, time.Since(begun))
		}
	})
}
