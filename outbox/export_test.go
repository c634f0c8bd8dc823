package outbox

import (
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/syncline/syncline/space"
)

// Row is the letter as it is in the ledger.
func (l *Letter) Row(t testing.TB) Row {
	t.Helper()
	l.Body = []byte("{}")
	text, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	return Row{space.Key{Collection: inDead, ID: l.row()}, text}
}
