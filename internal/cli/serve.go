package cli

import (
	"fmt"
	"io"
	"sort"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/syncline/syncline/internal/config"
	"github.com/syncline/syncline/wire"
)

// nodeFlags are what a server can be told.
type nodeFlags struct {
	dir, listen, admin string
	definition, tokens string        // files
	own                app           // what is in force where no file is named; the zero value is nothing
	mutators           string        // file
	mutatorTime        time.Duration // of one run; 0 is the server's own
	endpoints          string        // file
	retain             time.Duration
	cacheBytes         int64
	origins            []string
	anyone             bool
	limits             wire.Limits
	logs               logFlags
}

func (o *nodeFlags) register(f *pflag.FlagSet) {
	f.StringVar(&o.listen, "listen", "127.0.0.1:4600", "address to serve on; port 0 takes any that is free")
	f.DurationVar(&o.retain, "retain", 30*24*time.Hour, "how long history is kept; replicas that were away for longer get a snapshot. Negative keeps it for ever")
	f.Int64Var(&o.cacheBytes, "cache-bytes", 0, "size of the block cache in bytes; 0 is the store's default, 32 MiB")
	f.StringSliceVar(&o.origins, "allow-origin", nil, "web origin, such as https://app.example.com, that may connect besides the server's own; may be repeated")
	f.StringVar(&o.definition, "definition", "", "file that says who may read and write what, JSON, YAML or TypeScript (docs/RULES.md); without one everybody may everything, on this machine. SIGHUP reads it again")
	f.StringVar(&o.tokens, "tokens", "", "JSON file that says which tokens are believed (docs/RULES.md); without one everybody is who they say they are, on this machine")
	f.StringVar(&o.mutators, "mutators", "", "JavaScript file with the application's mutators (docs/MUTATORS.md). SIGHUP reads it again")
	f.StringVar(&o.endpoints, "endpoints", "", "JSON file with the addresses of others that the definition's hooks may name (docs/HOOKS.md)")
	f.BoolVar(&o.anyone, anyoneFlag, false, "listen beyond this machine without a definition and tokens")
	registerLimits(f, &o.limits)
	o.logs.register(f)
}

func newServe(s streams) *cobra.Command {
	var o nodeFlags
	var printConfig bool
	cmd := &cobra.Command{
		Use:   "serve --dir DIR",
		Short: "Run a server",
		Long: `Runs a server on the data in a directory, which is made if need be.

Prints "listening on http://…" on stdout once it can be used; the log goes to
stderr. SIGTERM and SIGINT stop it: what was acknowledged is on disk before, what
waits is committed, and clients are told to come back. When storage fails it exits
with code 1, and a fresh start recovers.

The admin address serves /metrics, /healthz, /readyz and /debug/pprof/, and what
"syncline outbox", "quarantine", "definition", "explain" and "rules diff" ask.`,
		Example: `  syncline serve --dir /var/lib/syncline
  syncline serve --dir data --listen 127.0.0.1:0 --admin "" --log-format json
  SYNCLINE_DIR=data syncline serve --config syncline.json --print-config`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if printConfig {
				return printSettings(s.out, cmd.Flags(), origins(cmd))
			}
			if err := need(cmd, "dir"); err != nil {
				return err
			}
			log, err := o.logs.logger(s.err)
			if err != nil {
				return err
			}
			n, err := o.start(cmd.Context(), log, nil)
			if err != nil {
				return err
			}
			fmt.Fprintf(s.out, "listening on %s\n", n.url)
			return n.wait(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.dir, "dir", "", "directory that holds the data")
	f.StringVar(&o.admin, "admin", "127.0.0.1:4601", `loopback address for metrics, health and profiles; "" for none`)
	o.register(f)
	f.BoolVar(&printConfig, "print-config", false, "print the settings in force and where each comes from, and exit")
	return cmd
}

// printSettings prints every setting, its value and its origin.
func printSettings(w io.Writer, flags *pflag.FlagSet, origins config.Origins) error {
	var names []string
	flags.VisitAll(func(f *pflag.Flag) {
		if origins[f.Name] != "" && f.Name != "print-config" {
			names = append(names, f.Name)
		}
	})
	sort.Strings(names)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, name := range names {
		fmt.Fprintf(table, "%s\t%s\t%s\n", name, quote(flags.Lookup(name).Value.String()), origins[name])
	}
	return table.Flush()
}

func quote(value string) string {
	if value == "" {
		return `""`
	}
	return value
}
