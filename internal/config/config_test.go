package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

func flagSet() *pflag.FlagSet {
	f := pflag.NewFlagSet("test", pflag.ContinueOnError)
	f.String("config", "", "")
	f.String("listen", "127.0.0.1:4600", "")
	f.Duration("retain", time.Hour, "")
	f.Int("limit-ops", 1000, "")
	f.Bool("strict", false, "")
	f.StringSlice("allow-origin", nil, "")
	return f
}

func fill(t *testing.T, args []string, env map[string]string, file string) (*pflag.FlagSet, Origins, error) {
	t.Helper()
	f := flagSet()
	if file != "" {
		path := filepath.Join(t.TempDir(), "c.json")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--config", path)
	}
	if err := f.Parse(args); err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{"csv-types": true}
	f.VisitAll(func(fl *pflag.Flag) { known[fl.Name] = true })
	o, err := Source{LookupEnv: func(k string) (string, bool) { v, ok := env[k]; return v, ok }, Known: known}.Fill(f)
	return f, o, err
}

func TestPrecedence(t *testing.T) {
	file := `{
  "listen": "file:1", "retain": "2h", "limit-ops": 5,
  "strict": true,
  "csv-types": "a:number",
  "allow-origin": ["https://a", "https://b,c"]
}`
	f, o, err := fill(t, []string{"--listen", "flag:1"}, map[string]string{"SYNCLINE_LISTEN": "env:1", "SYNCLINE_RETAIN": "3h"}, file)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"listen": "flag:1", "retain": "3h0m0s", "limit-ops": "5", "strict": "true",
	} {
		if got := f.Lookup(name).Value.String(); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if got, _ := f.GetStringSlice("allow-origin"); len(got) != 2 || got[1] != "https://b,c" {
		t.Errorf("allow-origin is %q", got)
	}
	for name, want := range map[string]string{"listen": "flag", "retain": "environment SYNCLINE_RETAIN", "strict": "c.json:3"} {
		if !strings.HasSuffix(o[name], want) {
			t.Errorf("the origin of %s is %q, want %q", name, o[name], want)
		}
	}
	if _, o, _ := fill(t, nil, nil, ""); o["retain"] != "default" {
		t.Errorf("origin %q, want default", o["retain"])
	}
}

func TestRefusals(t *testing.T) {
	tests := []struct{ name, file, want string }{
		{"unknown", "{\n\"listen\": \"a\",\n\"listn\": \"b\"}", `c.json:3: there is no setting "listn"; did you mean "listen"?`},
		{"unknown, like nothing", `{"frobnicate":1}`, "named like the flags"},
		{"twice", "{\"listen\": \"a\",\n\"listen\": \"b\"}", `c.json:2: "listen" is set twice`},
		{"case", `{"Listen": "a"}`, `there is no setting "Listen"`},
		{"not JSON", "{\n  listen: 1}", "c.json:2: not JSON"},
		{"trailing", "{}\n{}", "something follows"},
		{"array", "[]", "want a JSON object"},
		{"empty", "", "is empty"},
		{"nested", `{"limit-ops": {"a":1}}`, "is to be a string, a number"},
		{"null", `{"limit-ops": null}`, "is to be a string, a number"},
		{"bad number", `{"limit-ops": 1.5}`, `c.json:1: "1.5" is no value for the setting "limit-ops" (int)`},
		{"list for one", `{"listen": ["a"]}`, "takes one value"},
		{"list of numbers", `{"allow-origin": [1]}`, "strings only"},
		{"itself", `{"config": "other"}`, "cannot name another"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := tt.file
			if file == "" {
				file = " "
			}
			_, _, err := fill(t, nil, nil, file)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
	if _, _, err := fill(t, nil, map[string]string{"SYNCLINE_RETAIN": "soon"}, ""); err == nil || !strings.Contains(err.Error(), `environment variable SYNCLINE_RETAIN: "soon" is no value`) {
		t.Errorf("error %v", err)
	}
	if _, _, err := fill(t, []string{"--config", "/nonexistent/x.json"}, nil, ""); err == nil || !strings.Contains(err.Error(), "configuration file") {
		t.Errorf("error %v", err)
	}
}
