package hook

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/go-json-experiment/json"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/host/core"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/webhook"
)

// maxMessage bounds what a hook may say to people, in bytes.
const maxMessage = 240

// A Caller sends a request to an endpoint. *webhook.Client is one.
type Caller interface {
	Send(ctx context.Context, id string, body []byte) (webhook.Answer, error)
}

// An Asker asks endpoints for their agreement. Its method may be called from any goroutine.
type Asker struct {
	Endpoints map[string]Caller // by the operator's names
	Logger    *slog.Logger
}

// reply is the body of an answer.
type reply struct {
	Allow   *bool  `json:"allow"`
	Message string `json:"message,omitzero"`
}

// Ask asks everybody who has to agree, at once, and returns when one has refused,
// all have agreed, or ctx has ended. Whatever is no clear answer is none.
func (a *Asker) Ask(ctx context.Context, path space.Path, ask *core.Ask) core.Verdict {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan core.Verdict, len(ask.Asked))
	for i := range ask.Asked {
		go func() { answers <- a.one(ctx, path, ask, i) }()
	}
	agreed, silent := 0, 0
	for range ask.Asked {
		select {
		case v := <-answers:
			switch {
			case v.Refused:
				return v
			case v.Agreed:
				agreed++
			default:
				silent++
			}
		case <-ctx.Done():
			return core.Verdict{}
		}
	}
	return core.Verdict{Agreed: silent == 0 && agreed == len(ask.Asked)}
}

func (a *Asker) one(ctx context.Context, path space.Path, ask *core.Ask, n int) core.Verdict {
	asked := &ask.Asked[n]
	v, err := a.put(ctx, path, ask, asked, fmt.Sprintf("%s_%d", ask.ID, n))
	if err != nil && ctx.Err() == nil || ctx.Err() == context.DeadlineExceeded {
		a.Logger.Warn("a hook that has to agree gave no answer", "space", path, "hook", asked.Hook, "endpoint", asked.To, "error", err)
	}
	return v
}

func (a *Asker) put(ctx context.Context, path space.Path, ask *core.Ask, asked *core.Asked, id string) (core.Verdict, error) {
	to := a.Endpoints[asked.To]
	if to == nil {
		return core.Verdict{}, fmt.Errorf("there is no endpoint of this name")
	}
	q := Question{Space: string(path), Hook: asked.Hook, Author: ask.Author}
	for i := range asked.Changes {
		c := &asked.Changes[i]
		next := c.Version(1) // live, whatever its number will be
		q.Changes = append(q.Changes, NewChange(c.Key, authz.Op(asked.Old[i], next), asked.Old[i], next))
	}
	body, err := Encode(TypeAsk, ask.At, q)
	if err != nil {
		return core.Verdict{}, err
	}
	answer, err := to.Send(ctx, id, body)
	switch {
	case err != nil:
		return core.Verdict{}, err
	case answer.Status != 200:
		return core.Verdict{}, fmt.Errorf("status %d", answer.Status)
	}
	var r reply
	if err := json.Unmarshal(answer.Body, &r, json.RejectUnknownMembers(true)); err != nil || r.Allow == nil {
		return core.Verdict{}, fmt.Errorf(`the answer is not {"allow": true} or {"allow": false, "message": "…"}`)
	}
	if *r.Allow {
		return core.Verdict{Agreed: true}, nil
	}
	v := core.Verdict{Refused: true, Message: webhook.Plain(r.Message, maxMessage)}
	if v.Message == "" {
		v.Message = "another system does not agree to this"
	}
	return v, nil
}
