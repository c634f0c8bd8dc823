package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"

	"github.com/syncline/syncline/internal/ingest"
	"github.com/syncline/syncline/internal/rows"
	"github.com/syncline/syncline/space"
)

type importFlags struct {
	remoteFlags
	collection, format, id, template string
	keep, strict                     bool
	types                            []string
	state, rejects                   string
}

func newImport(s streams) *cobra.Command {
	var o importFlags
	cmd := &cobra.Command{
		Use:   "import --space SPACE --collection COLLECTION FILE|-",
		Short: "Bring the rows of a file into a space",
		Long: `Brings each row of a file into a collection, as a replica like any other: rows are
put in order, in atomic mutations of up to 200 rows, so the last row of an id wins.

Formats: ndjson, one object a line; json, one array of objects; csv, whose first line
names the fields (all strings unless --types says otherwise; an empty cell of another
type leaves the field out). The file may be of any size.

A row gets its id from its field "id", which is then no part of the record (see --id,
--keep-id), or from --id-template. Rows that are not valid or that the server refuses
are reported, do not stop the others, and make the exit code 1.

With --state, an import that was cut short goes on where it stopped when it is run
again, and puts each row once. Remove the state file when the import is done.`,
		Example: `  syncline import --space team/alpha --collection cards cards.ndjson
  syncline import --space shop --collection products --id sku --keep-id --types price:number products.csv
  syncline import --space demo/cities --collection cities --id-template '{#}' --state cities.state cities.json
  zcat big.ndjson.gz | syncline import --space big --collection rows --format ndjson -`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, s, args[0]) },
	}
	f := cmd.Flags()
	o.remoteFlags.register(f)
	f.StringVar(&o.collection, "collection", "", "collection to put the rows in")
	f.StringVar(&o.format, "format", "", "ndjson, json or csv; by default what the file's extension stands for")
	f.StringVar(&o.id, "id", "id", "field that holds the id, a string or a whole number")
	f.BoolVar(&o.keep, "keep-id", false, "leave the field with the id in the record")
	f.StringVar(&o.template, "id-template", "", "make ids in place of --id: {name} stands for a field, {#} for the number of the row")
	f.StringSliceVar(&o.types, "types", nil, "types of csv fields, as in votes:number,done:bool,tags:json")
	f.BoolVar(&o.strict, "strict", false, "stop at the first row that is not valid")
	f.StringVar(&o.state, "state", "", "file to keep the import's state in, so that it can go on after an interruption")
	f.StringVar(&o.rejects, "rejects", "", "file for the rows that did not get in, one JSON object each; by default they are told on stderr")
	return cmd
}

func (o *importFlags) run(cmd *cobra.Command, s streams, path string) error {
	r, err := o.remote(cmd)
	if err != nil {
		return err
	}
	if err := need(cmd, "collection"); err != nil {
		return err
	}
	file, size, err := openInput(s.in, path)
	if err != nil {
		return err
	}
	defer file.Close()
	bar := newProgressBar(s.err, size, &countingReader{r: file})
	reports := &reporter{bar: bar, out: s.err}
	if o.rejects != "" {
		f, err := os.Create(o.rejects)
		if err != nil {
			return usage("--rejects: %w", err)
		}
		defer f.Close()
		reports.file = f
	}
	counts, err := o.load(cmd.Context(), r, path, bar.read, loadHooks{
		refused: reports.refused, progress: bar.update,
		say: func(text string) { fmt.Fprintf(s.err, "syncline: %s\n", text) },
	})
	bar.clear()
	took := time.Since(bar.begun)
	fmt.Fprintf(s.out, "%s rows imported into %s/%s in %s (%s/s)", grouped(counts.Applied), r.path, o.collection, took.Round(time.Millisecond), grouped(rate(counts.Applied, took)))
	if counts.Skipped > 0 {
		fmt.Fprintf(s.out, ", %s dealt with before", grouped(counts.Skipped))
	}
	if counts.Refused > 0 {
		fmt.Fprintf(s.out, ", %s refused", grouped(counts.Refused))
	}
	fmt.Fprintln(s.out)
	switch {
	case cmd.Context().Err() != nil && o.state != "":
		return fmt.Errorf("interrupted; run it again with --state %s to go on", o.state)
	case cmd.Context().Err() != nil:
		return errors.New("interrupted")
	case err != nil:
		return err
	case reports.err != nil:
		return fmt.Errorf("--rejects %s: %w", o.rejects, reports.err)
	case counts.Refused > 0:
		return &exit{exitFailed, nil} // each has been told
	}
	return nil
}

// loadHooks are told how an import goes.
type loadHooks struct {
	refused  func(ingest.Refusal)
	progress func(ingest.Counts)
	say      func(string) // of the server going away and coming back; in another goroutine
}

// load brings what in holds into the space: the one way for import and demo.
func (o *importFlags) load(ctx context.Context, r *remote, name string, in io.Reader, hooks loadHooks) (ingest.Counts, error) {
	var none ingest.Counts
	if err := space.CheckCollection(o.collection); err != nil {
		return none, usage("--collection: %w", err)
	}
	format, err := rows.FormatOf(o.format, name)
	if err != nil {
		return none, usage("%w", err)
	}
	types, err := rows.ParseTypes(o.types)
	if err != nil {
		return none, usage("--types: %w", err)
	}
	from, err := rows.NewReader(format, in, rows.Options{
		Identity: rows.Identity{Field: o.id, Keep: o.keep, Template: o.template}, Types: types,
	})
	if err != nil {
		return none, usage("%s: %w", name, err)
	}
	source := fmt.Sprintf("%s into %s/%s of %s, ids %q %q", format, r.path, o.collection, r.base, o.id, o.template)
	to, err := openReplica(ctx, r, o.state, source)
	if err != nil {
		return none, err
	}
	running, stop := context.WithCancelCause(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		to.watch(running, stop, hooks.say)
	}()
	counts, err := ingest.Run(running, from, to, ingest.Options{
		Collection: o.collection, Strict: o.strict, Tracker: to.tracker, Refused: hooks.refused, Progress: hooks.progress,
	})
	if err != nil && ctx.Err() == nil && context.Cause(running) != nil {
		err = context.Cause(running)
	}
	stop(nil)
	<-watched
	if e := to.close(); err == nil {
		err = e
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", name, err)
	}
	return counts, err
}

// openInput opens a file or, for "-", takes stdin. size is 0 if it is not known.
func openInput(stdin io.Reader, path string) (file io.ReadCloser, size int64, err error) {
	if path == "-" {
		return io.NopCloser(stdin), 0, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, usage("%w", err)
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = usage("%s is a directory", path)
	}
	if err != nil {
		_ = f.Close()
		return nil, 0, err
	}
	if info.Mode().IsRegular() {
		size = info.Size()
	}
	return f, size, nil
}

// A reporter tells of rows that did not get in.
type reporter struct {
	bar  *progressBar
	out  io.Writer
	file io.Writer // instead of out, as JSON
	err  error     // of file
}

func (p *reporter) refused(r ingest.Refusal) {
	if p.file != nil {
		line, err := json.Marshal(r)
		if err == nil {
			_, err = p.file.Write(append(line, '\n'))
		}
		if p.err == nil {
			p.err = err
		}
		return
	}
	p.bar.clear()
	where := "a row of an earlier run"
	if r.Row > 0 {
		where = fmt.Sprintf("row %d (line %d)", r.Row, r.Line)
	}
	if r.ID != "" {
		where += fmt.Sprintf(", id %q", r.ID)
	}
	path := ""
	if r.Path != "" {
		path = " at " + r.Path
	}
	fmt.Fprintf(p.out, "%s: %s%s: %s\n", where, r.Code, path, r.Message)
}
