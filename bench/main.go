// Command bench measures a Syncline server against floors: the least that any
// program would have to do for the same promise. Every figure is a ratio to a
// floor that was measured in the same run, in turns with Syncline, by the same
// load generator. Servers are processes of their own, so that their processor
// time and memory can be told from the load's. docs/BENCHMARKS.md has results.
//
//	go run ./bench                     all of it, under ten minutes
//	go run ./bench -run 'writes|fan'   some of it
//	go run ./bench -quick              only that all of it works, for CI
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

// A benchmark adds its rows to the run.
type benchmark struct {
	name string
	what string
	run  func(*run) error
}

var benchmarks = []benchmark{
	{"writes", "durable writes of 200 bytes over one WebSocket", benchWrites},
	{"spaces", "64 writers in 1,000 spaces", benchSpaces},
	{"fanout", "a commit to 200 subscribers", benchFanout},
	{"crowd", "50 clients that all write and all read", benchCrowd},
	{"node", "the Node client: 100,000 records afresh, then 1,000 changes", benchNode},
	{"idle", "memory of 5,000 idle connections", benchIdle},
	{"slow", "memory of 100 clients that do not read", benchSlow},
	{"history", "a space with 1,000,000 commits", benchHistory},
	{"start", "an empty server", benchStart},
}

// A run is one invocation of the program.
type run struct {
	quick   bool
	rounds  int
	dir     string // temporary, for data
	profile string // directory for profiles, or ""
	rows    []row
	temps   int
}

// errSkip is wrapped by benchmarks that cannot run here.
var errSkip = errors.New("skipped")

func main() {
	if mode := os.Getenv(childEnv); mode != "" {
		if err := child(mode); err != nil {
			fmt.Fprintf(os.Stderr, "bench %s: %v\n", mode, err)
			os.Exit(1)
		}
		return
	}
	var (
		pattern = flag.String("run", "", "run the benchmarks whose names match this regular expression")
		quick   = flag.Bool("quick", false, "only see that all of it works: short, and no verdict on figures")
		rounds  = flag.Int("rounds", 5, "how often floor and Syncline take turns")
		asJSON  = flag.Bool("json", false, "print JSON instead of a table")
		dir     = flag.String("dir", "", "where to put data, on the disk that is to be measured; default is the system's temporary directory")
		profile = flag.String("profile", "", "write CPU profiles of the Syncline servers into this directory")
	)
	flag.Parse()
	if err := start(*pattern, *quick, *rounds, *asJSON, *dir, *profile); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func start(pattern string, quick bool, rounds int, asJSON bool, dir, profile string) error {
	match, err := regexp.Compile(pattern)
	if err != nil {
		return err
	}
	if quick {
		rounds = 1
	}
	if profile != "" {
		if profile, err = filepath.Abs(profile); err != nil {
			return err
		}
		if err := os.MkdirAll(profile, 0o755); err != nil {
			return err
		}
	}
	temp, err := os.MkdirTemp(dir, "syncline-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	r := &run{quick: quick, rounds: max(rounds, 1), dir: temp, profile: profile}
	begun := time.Now()
	var failed error
	for _, b := range benchmarks {
		if !match.MatchString(b.name) {
			continue
		}
		fmt.Fprintf(os.Stderr, "%6.1fs %s: %s\n", time.Since(begun).Seconds(), b.name, b.what)
		first := len(r.rows)
		switch err := b.run(r); {
		case errors.Is(err, errSkip):
			fmt.Fprintf(os.Stderr, "        %v\n", err)
			r.rows = append(r.rows, row{Case: b.what, Note: err.Error(), Verdict: "skipped"})
		case err != nil:
			failed = errors.Join(failed, fmt.Errorf("%s: %w", b.name, err))
			r.rows = append(r.rows, row{Case: b.what, Note: err.Error(), Verdict: "failed"})
		}
		for i := first; i < len(r.rows); i++ {
			r.rows[i].Bench = b.name
			if quick && (r.rows[i].Verdict == good || r.rows[i].Verdict == bad) {
				r.rows[i].Verdict = "works"
			}
		}
	}
	fmt.Fprintf(os.Stderr, "%6.1fs done\n", time.Since(begun).Seconds())
	if asJSON {
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", "  ")
		err = enc.Encode(map[string]any{"machine": machine(), "rounds": r.rounds, "quick": quick, "rows": r.rows})
	} else {
		err = printTable(os.Stdout, r.rows)
	}
	return errors.Join(failed, err)
}

// temp returns the path of a new directory, not yet made.
func (r *run) temp(name string) string {
	r.temps++
	return filepath.Join(r.dir, fmt.Sprintf("%02d-%s", r.temps, name))
}

// pick returns full, or quick in a quick run.
func pick[T any](r *run, full, quick T) T {
	if r.quick {
		return quick
	}
	return full
}

// inTurns calls each of the functions once a round, in another order each
// round, so that neither what came before nor what the machine does beside
// favours one.
func (r *run) inTurns(functions ...func(round int) error) error {
	for round := range r.rounds {
		for i := range functions {
			if err := functions[(i+round)%len(functions)](round); err != nil {
				return err
			}
			time.Sleep(pick(r, 150*time.Millisecond, 10*time.Millisecond))
		}
	}
	return nil
}
