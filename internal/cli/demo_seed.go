package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/replica"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/web"
	"github.com/syncline/syncline/wire"
)

// The demo's rules know two users of whom this program makes use.
const (
	seeder = "demo" // may fill the spaces
	owner  = "ada"  // may open each of them once it is filled
)

// A seedling is one entry that a space begins with.
type seedling struct {
	In    string         `json:"in"`
	ID    string         `json:"id"`
	Value jsontext.Value `json:"value"`
}

func demoRemote(address, path, user string) (*remote, error) {
	base, err := url.Parse(address)
	return &remote{base, space.Path(path), user}, err
}

// seed fills a space if there is nothing in it, all at once: a demo that is killed
// meanwhile begins anew. In data of a demo that had no rules yet people get their roles.
func seed(ctx context.Context, address, to string) error {
	r, err := demoRemote(address, to, seeder)
	if err != nil {
		return err
	}
	head, err := r.head(ctx)
	if err != nil {
		return err
	}
	if !head.Head.IsZero() {
		r.user = owner
		if _, err := r.head(ctx); errorCode(err) != wire.CodeForbidden {
			return err
		}
		r.user = seeder
	}
	entries, err := seedlings(path.Base(to))
	if err != nil {
		return err
	}
	sender, err := openReplica(ctx, r, "", "seed")
	if err != nil {
		return err
	}
	defer func() { _ = sender.close() }() // it has no file
	sent, err := sender.space.Mutate(ctx, func(tx *replica.Tx) error {
		for _, e := range entries {
			if !head.Head.IsZero() && e.In != "members" {
				continue
			}
			if err := tx.Put(e.In, e.ID, e.Value); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	_, err = sent.Wait(ctx)
	return err
}

func seedlings(name string) ([]seedling, error) {
	var all []seedling
	for d := jsontext.NewDecoder(bytes.NewReader(web.Seed(name))); ; {
		var one seedling
		switch err := json.UnmarshalDecode(d, &one, json.RejectUnknownMembers(true)); {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, fmt.Errorf("what %s begins with: %w", name, err)
		}
		all = append(all, one)
	}
}

// has reports whether there is a record at a path, such as cards/c1, that the user may read.
func (r *remote) has(ctx context.Context, record string) (bool, error) {
	response, err := r.get(ctx, record, nil)
	if errorCode(err) == space.CodeNotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, response.Body.Close()
}

// errorCode is that of the server's answer, "" if err is none.
func errorCode(err error) string {
	var e *wire.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}
