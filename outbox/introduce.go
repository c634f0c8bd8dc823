package outbox

import (
	"context"

	"github.com/go-json-experiment/json"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/space"
)

// Introduce begins the deliveries of a policy that have never been in force before:
// they are told of what is committed from now on. It must be called before the policy
// is in force. What has been in force before goes on where it was.
func (o *Outbox) Introduce(ctx context.Context, policy *authz.Policy) error {
	fresh := map[*authz.Hook]bool{}
	for _, h := range policy.Deliveries() {
		row, err := o.opts.Ledger.Get(ctx, introduced(h))
		if err != nil {
			return err
		}
		if row == nil {
			fresh[h] = true
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	// First where each existing space stands, then that the delivery is known: a
	// space that has no row once it is, is a new one and told of from its beginning.
	var rows []Row
	for h, err := range o.opts.Store.Heads(ctx) {
		if err != nil {
			return err
		}
		if h.Space.Reserved() {
			continue
		}
		for _, hook := range policy.Rules(h.Space).Deliveries() {
			key := lanePlace{hook.Name, h.Space}.key()
			if row, err := o.opts.Ledger.Get(ctx, key); err != nil || row != nil || !fresh[hook] {
				if err != nil {
					return err
				}
				continue
			}
			text, err := json.Marshal(saved{At: h.Cursor})
			if err != nil {
				return err
			}
			rows = append(rows, Row{key, text})
		}
		if len(rows) >= 1000 {
			if err := o.opts.Ledger.Save(rows...); err != nil {
				return err
			}
			rows = nil
		}
	}
	for h := range fresh {
		rows = append(rows, Row{introduced(h), []byte("{}")})
	}
	return o.opts.Ledger.Save(rows...)
}

func introduced(h *authz.Hook) space.Key {
	return space.Key{Collection: inHooks, ID: h.Name + " " + h.Kind()}
}
