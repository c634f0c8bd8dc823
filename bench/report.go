package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// A row is one line of the result.
type row struct {
	Bench   string `json:"bench"`
	Case    string `json:"case"`
	Unit    string `json:"unit,omitempty"`
	Ours    spread `json:"syncline,omitzero"`
	Floor   spread `json:"floor,omitzero"`
	Ratio   spread `json:"ratio,omitzero"` // Ours / Floor, round by round
	Goal    string `json:"goal,omitempty"` // of Ratio, or of Ours where it names a unit
	Verdict string `json:"verdict,omitempty"`
	Note    string `json:"note,omitempty"`
}

// Verdicts.
const (
	good = "good"
	bad  = "BAD"
)

// A spread is what several rounds gave.
type spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{}
	}
	s := slices.Sorted(slices.Values(values))
	n := len(s)
	return spread{(s[(n-1)/2] + s[n/2]) / 2, s[0], s[n-1]}
}

func (s spread) format(unit string) string {
	if s == (spread{}) {
		return ""
	}
	if s.Min == s.Max {
		return number(s.Median) + unit
	}
	return fmt.Sprintf("%s%s [%s–%s]", number(s.Median), unit, number(s.Min), number(s.Max))
}

func number(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// A goal is what a ratio has to reach: atLeast or atMost.
type goal func(r *row, value float64)

func atLeast(limit float64) goal {
	return func(r *row, value float64) { r.judge("≥", limit, value >= limit) }
}

func atMost(limit float64) goal {
	return func(r *row, value float64) { r.judge("≤", limit, value <= limit) }
}

// noGoal is for figures that are there for information.
func noGoal(*row, float64) {}

func (r *row) judge(sign string, limit float64, ok bool) {
	r.Goal, r.Verdict = sign+" "+number(limit), bad
	if ok {
		r.Verdict = good
	}
}

// ratio adds a row with a goal on ours/floor, both one value a round.
func (r *run) ratio(name, unit string, ours, floor []float64, want goal) *row {
	ratios := make([]float64, 0, len(ours))
	for i := range ours {
		if floor[i] > 0 {
			ratios = append(ratios, ours[i]/floor[i])
		}
	}
	line := row{Case: name, Unit: unit, Ours: spreadOf(ours), Floor: spreadOf(floor), Ratio: spreadOf(ratios)}
	want(&line, line.Ratio.Median)
	if line.Goal != "" {
		line.Goal += " ×"
	}
	return r.add(line)
}

// absolute adds a row with a goal on ours itself.
func (r *run) absolute(name, unit string, ours []float64, want goal) *row {
	line := row{Case: name, Unit: unit, Ours: spreadOf(ours)}
	want(&line, line.Ours.Median)
	if line.Goal != "" {
		line.Goal += " " + unit
	}
	return r.add(line)
}

func (r *run) add(line row) *row {
	r.rows = append(r.rows, line)
	fmt.Fprintf(os.Stderr, "        %s: %s, floor %s, ratio %s  %s\n", line.Case, line.Ours.format(" "+line.Unit), line.Floor.format(""), line.Ratio.format(""), line.Verdict)
	return &r.rows[len(r.rows)-1]
}

func printTable(w io.Writer, rows []row) error {
	fmt.Fprintf(w, "%s\n\n", machine())
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "benchmark\tcase\tgoal\tratio median [min–max]\tSyncline\tfloor\tverdict")
	for _, r := range rows {
		fmt.Fprintln(t, strings.Join([]string{
			r.Bench, r.Case, r.Goal, r.Ratio.format(""), r.Ours.format(" " + r.Unit), r.Floor.format(""), r.Verdict,
		}, "\t"))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, r := range rows {
		if r.Note != "" {
			fmt.Fprintf(w, "\n%s, %s: %s", r.Bench, r.Case, r.Note)
		}
	}
	_, err := fmt.Fprintln(w)
	return err
}

// machine says on what and when this ran.
func machine() string {
	model := runtime.GOARCH
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	load := ""
	if info, err := os.ReadFile("/proc/loadavg"); err == nil {
		load = ", load " + strings.Join(strings.Fields(string(info))[:1], "")
	}
	return fmt.Sprintf("%s, %s/%s, %s × %d%s, %s", time.Now().UTC().Format("2006-01-02 15:04 UTC"), runtime.GOOS, runtime.GOARCH, model, runtime.NumCPU(), load, runtime.Version())
}
