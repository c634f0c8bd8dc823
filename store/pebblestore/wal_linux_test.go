package pebblestore

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/storetest"
)

// copyStore copies the files of an open store, as a crash would leave them.
func copyStore(t *testing.T, from string) (to string) {
	t.Helper()
	to = t.TempDir()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

func logs(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no log in %s: %v", dir, err)
	}
	return names
}

// A log that is longer than what was written to it reads as what was written.
func TestLengthenedLog(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	want := storetest.Fill(t, s)
	crashed := copyStore(t, dir)
	for _, name := range logs(t, crashed) {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() == 0 || info.Size()%logStretch != 0 {
			t.Errorf("%s has %d bytes, not a multiple of %d: each sync writes its length", name, info.Size(), logStretch)
		}
	}
	open := func(dir string) storetest.Opener {
		return func() (store.Store, error) { return Open(dir, Options{}) }
	}
	// Twice: what replaying has left behind must be replayable, too.
	for range 2 {
		if outcome, err := storetest.Examine(t.Context(), want, open(crashed)); outcome != storetest.Intact {
			t.Fatalf("%s: %v", outcome, err)
		}
	}
	// Damage, mostly to the zeros at the end.
	random := rand.New(rand.NewPCG(5, 6))
	outcomes := map[storetest.Outcome]int{}
	for range 16 {
		damaged := copyStore(t, dir)
		names := logs(t, damaged)
		name := names[len(names)-1]
		file, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if random.IntN(2) == 0 {
			for range 8 {
				file[len(file)/2+random.IntN(len(file)/2)] = byte(random.Uint32())
			}
		} else {
			file = file[:len(file)/2+random.IntN(len(file)/2)] // the zeros are not all there
		}
		if err := os.WriteFile(name, file, 0o600); err != nil {
			t.Fatal(err)
		}
		outcome, err := storetest.Examine(t.Context(), want, open(damaged))
		if err != nil {
			t.Fatal(err)
		}
		outcomes[outcome]++
	}
	if outcomes[storetest.Intact] == 0 {
		t.Errorf("after damage where nothing is written: %v", outcomes)
	}
	t.Log(outcomes)
}
