package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/pflag"

	"github.com/syncline/syncline/internal/admin"
	"github.com/syncline/syncline/store"
)

// local says which server on this machine is meant: a running one by its admin address, a
// stopped one by its directory.
type local struct{ admin, dir string }

func (l *local) register(f *pflag.FlagSet) {
	l.registerAdmin(f)
	f.StringVar(&l.dir, "dir", "", "data directory of a server that is stopped")
}

func (l *local) registerAdmin(f *pflag.FlagSet) {
	f.StringVar(&l.admin, "admin", "127.0.0.1:4601", "admin address of the running server")
}

// withStopped opens the store of a server that does not run.
func (l *local) withStopped(do func(store.Store) error) error {
	return withStopped(l.dir, "while a server has it open, leave --dir out: it is asked at its admin address", do)
}

// maxAnswer bounds what a server is believed to answer, and maxReason what it says in an error.
const (
	maxAnswer = 64 << 20
	maxReason = 64 << 10
)

// answerTime is how long a running server may take to begin its answer.
const answerTime = 2 * time.Minute

// get asks the running server, and decodes what it answers.
func (l *local) get(ctx context.Context, path string, query url.Values, into any) error {
	return l.decode(ctx, http.MethodGet, path, query, nil, into)
}

// post is get with something to do, and a body unless that is nil.
func (l *local) post(ctx context.Context, path string, query url.Values, body, into any) error {
	return l.decode(ctx, http.MethodPost, path, query, body, into)
}

func (l *local) decode(ctx context.Context, method, path string, query url.Values, body, into any) error {
	response, err := l.ask(ctx, method, path, query, body)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if err := json.UnmarshalRead(io.LimitReader(response.Body, maxAnswer), into, jsontext.AllowDuplicateNames(true)); err != nil {
		return fmt.Errorf("the server at %s: %w", l.admin, err)
	}
	return nil
}

// ask asks the running server; whoever asks closes the answer, which is one of success.
func (l *local) ask(ctx context.Context, method, path string, query url.Values, body any) (*http.Response, error) {
	host := strings.TrimRight(strings.TrimPrefix(l.admin, "http://"), "/")
	loopback, err := onLoopback(ctx, host)
	if err != nil || !loopback {
		return nil, usage("--admin %s: want the loopback address that the server was started with", l.admin)
	}
	var text []byte
	if body != nil {
		if text, err = json.Marshal(body, json.Deterministic(true)); err != nil {
			return nil, err
		}
	}
	u := url.URL{Scheme: "http", Host: host, Path: path, RawQuery: query.Encode()}
	request, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	request.Header.Set(admin.Header, "1")
	client := http.Client{
		Transport:     &http.Transport{Proxy: nil, ResponseHeaderTimeout: answerTime, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, usage("no server answers at %s: %w; is it running, with --admin?", l.admin, err)
	}
	if response.StatusCode == http.StatusOK {
		return response, nil
	}
	defer response.Body.Close()
	reason, _ := io.ReadAll(io.LimitReader(response.Body, maxReason))
	if said := strings.TrimSpace(string(reason)); said != "" {
		return nil, &exit{exitFailed, fmt.Errorf("the server at %s: %s", l.admin, said)}
	}
	return nil, &exit{exitFailed, fmt.Errorf("the server at %s answers %s", l.admin, response.Status)}
}
