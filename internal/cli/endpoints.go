package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/syncline/syncline/webhook"
)

// endpointsFile is the file of --endpoints: secrets are in files of their own.
type endpointsFile struct {
	HoldFor   string `json:"holdFor,omitzero"`
	Endpoints map[string]struct {
		URL        string `json:"url"`
		SecretFile string `json:"secretFile"`
		Timeout    string `json:"timeout,omitzero"`
		Attempts   int    `json:"attempts,omitzero"`
		Parallel   int    `json:"parallel,omitzero"`
		Private    bool   `json:"private,omitzero"`
	} `json:"endpoints"`
}

type endpoints struct {
	byName  map[string]webhook.Endpoint
	holdFor time.Duration
}

// maxSecretFile bounds a file of secrets, in bytes.
const maxSecretFile = 4096

// readEndpoints reads whom the server may call. No secret and no URL is in what it
// returns as an error.
func readEndpoints(path string) (endpoints, error) {
	fail := func(format string, args ...any) (endpoints, error) {
		return endpoints{}, fmt.Errorf("the endpoints %s: "+format, append([]any{path}, args...)...)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return endpoints{}, fmt.Errorf("the endpoints: %w", err)
	}
	var file endpointsFile
	if err := json.Unmarshal(text, &file, json.RejectUnknownMembers(true)); err != nil {
		return fail("%w", err)
	}
	all := endpoints{byName: map[string]webhook.Endpoint{}}
	if file.HoldFor != "" {
		if all.holdFor, err = time.ParseDuration(file.HoldFor); err != nil || all.holdFor <= 0 {
			return fail("holdFor: want how long, such as 720h")
		}
	}
	for name, e := range file.Endpoints {
		to := webhook.Endpoint{URL: e.URL, Attempts: e.Attempts, Parallel: e.Parallel, Private: e.Private}
		if e.Timeout != "" {
			if to.Timeout, err = time.ParseDuration(e.Timeout); err != nil {
				return fail("%.64q: timeout: want how long, such as 10s", name)
			}
		}
		if e.SecretFile == "" {
			return fail("%.64q: names no secretFile", name)
		}
		secretFile := e.SecretFile
		if !filepath.IsAbs(secretFile) {
			secretFile = filepath.Join(filepath.Dir(path), secretFile)
		}
		secrets, err := os.ReadFile(secretFile)
		if err != nil {
			return fail("%.64q: the secret: %w", name, err)
		}
		if len(secrets) > maxSecretFile {
			return fail("%.64q: the file of the secret is longer than %d bytes", name, maxSecretFile)
		}
		to.Secrets = strings.Fields(string(secrets))
		all.byName[name] = to
	}
	return all, nil
}
