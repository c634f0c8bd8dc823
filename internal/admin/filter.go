package admin

import (
	"errors"
	"fmt"
	"net/url"
	"slices"

	"github.com/syncline/syncline/outbox"
)

// Filter reads which dead letters are meant: those of a delivery, of a space, with an
// id, or all. Nothing at all is every one only if that is allowed.
func Filter(q url.Values, every bool) (func(*outbox.Letter) bool, error) {
	for name, values := range q {
		if !slices.Contains([]string{"delivery", "space", "id", "all"}, name) || len(values) != 1 || values[0] == "" {
			return nil, fmt.Errorf("%.20q: want delivery, space, id or all, each once", name)
		}
	}
	if len(q) == 0 && !every {
		return nil, errors.New("which dead letters? Say delivery, space, id or all")
	}
	return func(l *outbox.Letter) bool {
		for name, have := range map[string]string{"delivery": l.Delivery, "space": string(l.Space), "id": l.ID} {
			if want := q.Get(name); want != "" && want != have {
				return false
			}
		}
		return true
	}, nil
}
