package config

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"
)

// FileFlag is the flag that names the file. A flag set without it has no file.
const FileFlag = "config"

const prefix = "SYNCLINE_"

// EnvName is the environment variable of a flag.
func EnvName(flag string) string {
	return prefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// A Source fills flags. Known says which names of a file are meant for some
// command, though perhaps not for the one at hand: one file serves them all.
type Source struct {
	LookupEnv func(string) (string, bool)
	Known     map[string]bool
}

// Origins say where the value of each flag came from, for people: "flag",
// "default", "environment SYNCLINE_DIR" or "file /etc/syncline.json:3".
type Origins map[string]string

// Fill sets the flags that were not given, and says where all came from. Flags
// that help has (help, version) are left alone.
func (s Source) Fill(flags *pflag.FlagSet) (Origins, error) {
	origins := Origins{}
	var err error
	each := func(do func(f *pflag.Flag)) {
		flags.VisitAll(func(f *pflag.Flag) {
			if err == nil && f.Name != "help" && f.Name != "version" {
				do(f)
			}
		})
	}
	each(func(f *pflag.Flag) {
		if f.Changed {
			origins[f.Name] = "flag"
			return
		}
		origins[f.Name] = "default"
		name := EnvName(f.Name)
		if text, ok := s.LookupEnv(name); ok {
			origins[f.Name] = "environment " + name
			err = set(flags, f, text, "environment variable "+name)
		}
	})
	if err != nil {
		return nil, err
	}
	path := ""
	if f := flags.Lookup(FileFlag); f != nil {
		path = f.Value.String()
	}
	if path == "" {
		return origins, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("configuration file: %w (from %s)", err, origins[FileFlag])
	}
	settings, err := parseFile(path, data)
	if err != nil {
		return nil, err
	}
	for _, st := range settings {
		f := flags.Lookup(st.name)
		switch {
		case st.name == FileFlag:
			return nil, fmt.Errorf("%s: a configuration file cannot name another one", st.place)
		case f == nil && s.Known[st.name]:
			continue // another command's
		case f == nil:
			return nil, fmt.Errorf("%s: there is no setting %q%s", st.place, st.name, suggest(st.name, s.Known))
		case origins[st.name] != "default":
			continue
		}
		origins[st.name] = "file " + st.place
		if err := st.set(flags, f); err != nil {
			return nil, err
		}
	}
	return origins, nil
}

func set(flags *pflag.FlagSet, f *pflag.Flag, text, from string) error {
	if err := flags.Set(f.Name, text); err != nil {
		return invalid(f, text, from, err)
	}
	return nil
}

func invalid(f *pflag.Flag, text, from string, err error) error {
	// pflag repeats the name and the value: keep its reason only.
	reason := err.Error()
	if _, rest, ok := strings.Cut(reason, " flag: "); ok {
		reason = rest
	}
	return fmt.Errorf("%s: %q is no value for the setting %q (%s): %s", from, text, f.Name, f.Value.Type(), reason)
}

// suggest is the hint that ends a message about an unknown name.
func suggest(name string, known map[string]bool) string {
	best, distance := "", 3
	for candidate := range known {
		if d := edits(name, candidate); d < distance || d == distance && best != "" && candidate < best {
			best, distance = candidate, d
		}
	}
	if best == "" {
		return "; its members are named like the flags of the commands (syncline serve --help)"
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// edits is the Levenshtein distance of two short words.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
