package cli

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"github.com/syncline/syncline/internal/rows"
	"github.com/syncline/syncline/space"
)

type exportFlags struct {
	remoteFlags
	collection, where, view string
	format, output, id      string
}

func newExport(s streams) *cobra.Command {
	var o exportFlags
	cmd := &cobra.Command{
		Use:   "export --space SPACE --collection COLLECTION",
		Short: "Write the entries of a space to a file",
		Long: `Writes the entries of a collection as they are at one commit, in the order of
ids, while writers go on. What is written is checked against the server's count and
check sum.

Each row is a record with its id in the field "id"; "syncline import" reads it back.
In csv strings stand as they are and other values as JSON; null and what a record
lacks is an empty cell.`,
		Example: `  syncline export --space team/alpha --collection cards --format ndjson
  syncline export --space team/alpha --collection cards --where '{"done":false}' -o open.csv
  syncline export --space demo/cities --view '[{"in":"cities","where":{"country":"AD"}}]' -o ad.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd, s) },
	}
	f := cmd.Flags()
	o.remoteFlags.register(f)
	f.StringVar(&o.collection, "collection", "", "collection to export")
	f.StringVar(&o.where, "where", "", `selector: only the entries that match it, as in '{"votes":{"$gt":5}}'`)
	f.StringVar(&o.view, "view", "", "in place of --collection and --where: a view of one collection, as JSON")
	f.StringVar(&o.format, "format", "", "ndjson, json or csv; by default what the extension of -o stands for, else ndjson")
	f.StringVarP(&o.output, "output", "o", "", "file to write, which appears when it is complete; by default stdout")
	f.StringVar(&o.id, "id", "id", "field to put ids in")
	return cmd
}

func (o *exportFlags) run(cmd *cobra.Command, s streams) error {
	r, err := o.remote(cmd)
	if err != nil {
		return err
	}
	view, err := o.viewOf(cmd)
	if err != nil {
		return err
	}
	format := rows.NDJSON
	if o.format != "" || o.output != "" {
		if format, err = rows.FormatOf(o.format, o.output); err != nil {
			return usage("%w", err)
		}
	}
	return writeFile(s.out, o.output, func(w io.Writer) error {
		if format == rows.CSV {
			return o.exportCSV(cmd, r, view, w)
		}
		out, err := rows.NewWriter(format, w, o.id, nil)
		if err != nil {
			return err
		}
		if err := r.snapshot(cmd.Context(), view, out.Write); err != nil {
			return err
		}
		return out.Close()
	})
}

// exportCSV needs the names of all fields before the first row: it keeps the rows
// in a temporary file meanwhile.
func (o *exportFlags) exportCSV(cmd *cobra.Command, r *remote, view space.View, w io.Writer) error {
	spool, err := os.CreateTemp("", "syncline-export-*.ndjson")
	if err != nil {
		return err
	}
	defer os.Remove(spool.Name())
	defer spool.Close()
	buffered, fields := bufio.NewWriterSize(spool, 64<<10), map[string]bool{}
	enc := jsontext.NewEncoder(buffered)
	err = r.snapshot(cmd.Context(), view, func(id string, record jsontext.Value) error {
		rows.Columns(record, fields)
		if err := enc.WriteToken(jsontext.String(id)); err != nil {
			return err
		}
		return enc.WriteValue(record)
	})
	if err == nil {
		err = buffered.Flush()
	}
	if err == nil {
		_, err = spool.Seek(0, io.SeekStart)
	}
	if err != nil {
		return err
	}
	out, err := rows.NewWriter(rows.CSV, w, o.id, slices.Sorted(maps.Keys(fields)))
	if err != nil {
		return err
	}
	for dec := jsontext.NewDecoder(bufio.NewReaderSize(spool, 64<<10)); dec.PeekKind() == '"'; {
		id, err := dec.ReadToken()
		if err != nil {
			return err
		}
		name := id.String()
		record, err := dec.ReadValue()
		if err != nil {
			return err
		}
		if err := out.Write(name, record); err != nil {
			return err
		}
	}
	return out.Close()
}

func (o *exportFlags) viewOf(cmd *cobra.Command) (space.View, error) {
	if o.view != "" {
		if o.collection != "" || o.where != "" {
			return nil, usage("--view says already what to export: leave --collection and --where out")
		}
		var view space.View
		if err := json.Unmarshal([]byte(o.view), &view, json.RejectUnknownMembers(true)); err != nil {
			return nil, usage("--view: %w", err)
		}
		for _, part := range view {
			if part.In != view[0].In {
				return nil, usage("--view: it spans the collections %q and %q, whose ids may be the same: export one after the other", view[0].In, part.In)
			}
		}
		if len(view) == 0 {
			return nil, usage("--view: it has no part; want [{\"in\":…}]")
		}
		return view, nil
	}
	if err := need(cmd, "collection"); err != nil {
		return nil, err
	}
	if err := space.CheckCollection(o.collection); err != nil {
		return nil, usage("--collection: %w", err)
	}
	part := space.Part{In: o.collection}
	if o.where != "" {
		if part.Where = jsontext.Value(o.where); !part.Where.IsValid() || part.Where.Kind() != '{' {
			return nil, usage("--where: %s is no JSON object", fmt.Sprintf("%.80q", o.where))
		}
	}
	return space.View{part}, nil
}
