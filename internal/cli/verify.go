package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/spf13/cobra"

	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/pebblestore"
)

func newVerify(s streams) *cobra.Command {
	return &cobra.Command{
		Use:   "verify DIR",
		Short: "Check a data directory for damage",
		Long: `Reads everything in a server's data directory and checks it: the chain of digests
of each space, every version against the log, the clients' rows, all checksums and
the structures of the store.

No server may have the directory open. What a crash left unfinished is completed
first, as when a server starts.

Exit codes: 0 no damage, 1 damage, 2 it could not be opened.`,
		Example: "  syncline verify /var/lib/syncline",
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return verify(cmd.Context(), s.out, args[0]) },
	}
}

func verify(ctx context.Context, out io.Writer, dir string) error {
	// Opening would make what is not there.
	if _, err := os.Stat(dir); err != nil {
		return usage("%w", err)
	}
	desc, err := pebble.Peek(dir, vfs.Default)
	if err != nil {
		return usage("%s: %w", dir, err)
	}
	if !desc.Exists {
		return usage("%s is no data directory of a server: there is no store in it", dir)
	}
	st, err := pebblestore.Open(dir, pebblestore.Options{})
	if errors.Is(err, store.ErrCorrupt) {
		fmt.Fprintf(out, "%v\n", err)
		return &exit{exitFailed, fmt.Errorf("%s is damaged so that it cannot be opened: restore a backup", dir)}
	}
	if err != nil {
		return usage("%w; does a server have it open?", err)
	}
	problems, spaces, commits := 0, 0, uint64(0)
	err = store.Verify(ctx, st, func(p store.Problem) {
		problems++
		fmt.Fprintln(out, p)
	})
	if err == nil {
		for h, e := range st.Heads(ctx) {
			if e != nil {
				err = e
				break
			}
			spaces++
			commits += uint64(h.Cursor.Seq - h.Horizon.Seq)
		}
	}
	if e := st.Close(); err == nil && e != nil {
		err = fmt.Errorf("close %s: %w", dir, e)
	}
	if problems > 0 {
		return &exit{exitFailed, fmt.Errorf("%s: %d problems: restore a backup, or keep the directory as it is and ask", dir, problems)}
	}
	if err != nil {
		return usage("%s: %w; what was checked until then is in order", dir, err)
	}
	_, err = fmt.Fprintf(out, "%s: no damage: %d spaces, %d commits in the logs\n", dir, spaces, commits)
	return err
}
