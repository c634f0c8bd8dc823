package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

// remoteFlags say which space of which server is meant, and who asks.
type remoteFlags struct{ url, space, user string }

func (o *remoteFlags) register(f *pflag.FlagSet) {
	f.StringVar(&o.url, "url", "http://127.0.0.1:4600", "the server")
	f.StringVar(&o.space, "space", "", "path of the space, such as team/alpha")
	f.StringVar(&o.user, "user", "", "user name to work under")
}

// A remote is one space of a server, over plain HTTP.
type remote struct {
	base *url.URL
	path space.Path
	user string
}

func (o *remoteFlags) remote(cmd *cobra.Command) (*remote, error) {
	if err := need(cmd, "url", "space"); err != nil {
		return nil, err
	}
	base, err := url.Parse(o.url)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return nil, usage("--url %q: want the server's address, as in http://127.0.0.1:4600", o.url)
	}
	base.Path = strings.TrimRight(base.Path, "/")
	path, err := space.ParsePath(o.space)
	if err != nil {
		return nil, usage("--space: %w", err)
	}
	return &remote{base, path, o.user}, nil
}

// get asks for something of the space. The error is a *wire.Error where the
// server gave one.
func (r *remote) get(ctx context.Context, name string, query url.Values) (*http.Response, error) {
	u := *r.base
	u.Path += "/v1/spaces/" + string(r.path) + "/-/" + name
	u.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	if r.user != "" {
		request.Header.Set("Syncline-User", r.user)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		var e *url.Error
		if errors.As(err, &e) {
			err = e.Err // the rest is a long address
		}
		return nil, fmt.Errorf("server %s: %w", r.base, err)
	}
	if response.StatusCode == http.StatusOK {
		return response, nil
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	var answer struct {
		Error *wire.Error `json:"error"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Error == nil {
		return nil, fmt.Errorf("server %s answered %s to GET %s: is it a Syncline server?", r.base, response.Status, u.Path)
	}
	if answer.Error.Space == "" {
		answer.Error.Space = string(r.path)
	}
	return nil, fmt.Errorf("server %s: %w", r.base, answer.Error)
}
