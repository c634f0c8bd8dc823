package core

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// tell is a testing.TB for rapid that keeps failures to itself.
type tell struct {
	testing.TB
	failed bool
	log    strings.Builder
}

func (q *tell) Helper()                   {}
func (q *tell) Errorf(f string, a ...any) { q.failed = true; fmt.Fprintf(&q.log, f, a...) }
func (q *tell) Logf(string, ...any)       {}
func (q *tell) Log(...any)                {}
func (q *tell) Fail()                     { q.failed = true }
func (q *tell) FailNow()                  { q.failed = true; panic(q) }
func (q *tell) Fatalf(f string, a ...any) { q.Errorf(f, a...); panic(q) }
func (q *tell) Failed() bool              { return q.failed }

// TestModelFindsBugs proves that TestModel would see the faults that it is for.
func TestModelFindsBugs(t *testing.T) {
	for name, value := range map[string]string{"rapid.nofailfile": "true", "rapid.shrinktime": "1ms"} {
		f := flag.Lookup(name)
		was := f.Value.String()
		if err := f.Value.Set(value); err != nil {
			t.Fatal(err)
		}
		defer f.Value.Set(was)
	}
	for name, bugs := range map[string]Bugs{
		"ShowHalfDiff":     {ShowHalfDiff: true},
		"DropRemove":       {DropRemove: true},
		"LostAckOnRestart": {LostAckOnRestart: true},
		"DoubleResend":     {DoubleResend: true},
		"AcceptAnyDigest":  {AcceptAnyDigest: true},
	} {
		t.Run(name, func(t *testing.T) {
			q := &tell{TB: t}
			for range 60 { // times -rapid.checks
				if q.failed {
					break
				}
				func() {
					defer func() {
						if p := recover(); p != nil && p != any(q) {
							panic(p)
						}
					}()
					rapid.Check(q, func(rt *rapid.T) {
						m := newMachine(t, bugs)
						rt.Repeat(m.actions())
						m.settle(rt)
					})
				}()
			}
			if !q.failed {
				t.Fatal("the planted bug was not found")
			}
			found, _, _ := strings.Cut(q.log.String(), "\n")
			t.Log(found)
		})
	}
}
