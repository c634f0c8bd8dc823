package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"

	"github.com/syncline/syncline/internal/admin"
	"github.com/syncline/syncline/outbox"
	"github.com/syncline/syncline/store"
)

// outboxFlags say which dead letters are meant, and where they are.
type outboxFlags struct {
	local
	delivery, space, id string
	all                 bool
}

func (o *outboxFlags) query() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"delivery": o.delivery, "space": o.space, "id": o.id} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if o.all {
		q.Set("all", "true")
	}
	return q
}

func newOutbox(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "outbox",
		Short: "Show and replay what could not be delivered",
		Long: `Changes that an endpoint did not take after as many attempts as it is allowed
become dead letters (docs/HOOKS.md). They are kept, with what was sent, until they
are replayed or forgotten.

A running server is asked at its admin address; of one that is stopped name the
directory with --dir.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	add := func(use, short, example string, run func(context.Context, *outboxFlags) error) {
		var o outboxFlags
		sub := &cobra.Command{
			Use: use, Short: short, Example: example, Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), &o) },
		}
		f := sub.Flags()
		o.register(f)
		f.StringVar(&o.delivery, "delivery", "", "only those of this delivery")
		f.StringVar(&o.space, "space", "", "only those of this space")
		f.StringVar(&o.id, "id", "", "only the one with this id")
		f.BoolVar(&o.all, "all", false, "all of them")
		cmd.AddCommand(sub)
	}
	add("dead", "List the dead letters, one JSON object a line", "  syncline outbox dead --delivery index", func(ctx context.Context, o *outboxFlags) error {
		w := bufio.NewWriter(s.out)
		err := o.dead(ctx, func(l *outbox.Letter) error {
			if err := json.MarshalWrite(w, l); err != nil {
				return err
			}
			return w.WriteByte('\n')
		})
		return errors.Join(err, w.Flush())
	})
	add("replay", "Send dead letters again", "  syncline outbox replay --all\n  syncline outbox replay --dir data --space team/alpha", func(ctx context.Context, o *outboxFlags) error {
		return o.change(ctx, s, "replay", (*outbox.Ledger).Replay, "%d dead letters will be sent again\n")
	})
	add("forget", "Remove dead letters", "  syncline outbox forget --id msg_…", func(ctx context.Context, o *outboxFlags) error {
		return o.change(ctx, s, "forget", (*outbox.Ledger).Forget, "%d dead letters forgotten\n")
	})
	return cmd
}

func (o *outboxFlags) dead(ctx context.Context, show func(*outbox.Letter) error) error {
	match, err := admin.Filter(o.query(), true)
	if err != nil {
		return usage("%w", err)
	}
	if o.dir != "" {
		return o.stopped(ctx, func(l *outbox.Ledger) error {
			for letter, err := range l.Dead(ctx) {
				if err == nil && match(letter) {
					err = show(letter)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	response, err := o.ask(ctx, http.MethodGet, "/outbox/dead", o.query(), nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var l outbox.Letter
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return err
		}
		if err := show(&l); err != nil {
			return err
		}
	}
	return lines.Err()
}

func (o *outboxFlags) change(ctx context.Context, s streams, verb string, do func(*outbox.Ledger, context.Context, func(*outbox.Letter) bool) (int, error), say string) error {
	match, err := admin.Filter(o.query(), false)
	if err != nil {
		return usage("%w (as --delivery, --space, --id, --all)", err)
	}
	var done struct {
		Letters int `json:"letters"`
	}
	if o.dir != "" {
		err = o.stopped(ctx, func(l *outbox.Ledger) error {
			done.Letters, err = do(l, ctx, match)
			return err
		})
	} else {
		err = o.post(ctx, "/outbox/"+verb, o.query(), nil, &done)
	}
	if err == nil {
		_, err = fmt.Fprintf(s.out, say, done.Letters)
	}
	return err
}

// stopped opens the ledger of a server that does not run.
func (o *outboxFlags) stopped(ctx context.Context, do func(*outbox.Ledger) error) error {
	return o.withStopped(func(st store.Store) error {
		l, err := outbox.OpenLedger(ctx, st, nil)
		if err == nil {
			err = do(l)
		}
		return err
	})
}
