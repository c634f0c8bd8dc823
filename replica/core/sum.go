package core

import (
	"context"

	"github.com/syncline/syncline/wire"
)

// checked compares check sums. A replica that holds something else than the
// server says at the same cursor asks for everything anew.
func (c *Core) checked(ctx context.Context, m *wire.Checked) (Effects, error) {
	k := &c.conn
	if !k.open || m.View != k.viewID || m.At != c.Cursor || c.Stage != 0 {
		return Effects{}, nil
	}
	sum, err := c.Sum(ctx)
	if err != nil {
		return Effects{}, err
	}
	if sum.Count == m.Count && sum.String() == m.Sum {
		return Effects{}, nil
	}
	k.fresh = true
	fx := c.refuse(nonsense("at %s we hold %d entries of sum %s, the server has %d of %s", m.At, sum.Count, sum, m.Count, m.Sum))
	return fx, nil
}

// Sum is the check sum of the confirmed entries (docs/PROTOCOL.md, section 6). It
// reads all of them.
func (c *Core) Sum(ctx context.Context) (wire.Sum, error) {
	var sum wire.Sum
	view, err := c.confirmed(ctx)
	if err != nil {
		return sum, err
	}
	defer view.Close()
	for _, collection := range c.Collections {
		for e, err := range view.Scan(collection, "") {
			if err != nil {
				return sum, err
			}
			version, _, err := decodeConfirmed(e.Key, e.Payload)
			if err != nil {
				return sum, err
			}
			sum.Add(e.Key, version)
		}
	}
	return sum, nil
}
