package sim

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"
)

var (
	updateCorpus = flag.Bool("update", false, "write testdata/vectors/replica-corpus.ndjson anew")
	pickCorpus   = flag.Int("sim.pick", 0, "how many schedules TestPickCorpus chooses from")
)

const (
	corpusFile     = "../testdata/vectors/replica-corpus.ndjson"
	dropCorpusFile = "../testdata/vectors/drop-corpus.ndjson"
	corpusSize     = 1_400_000 // bytes, at most
)

// corpusSeeds are the schedules of the corpus. TestPickCorpus chooses others
// when a change has made them other schedules.
var corpusSeeds = []uint64{
	17, 21, 23, 67, 95, 131, 143, 184, 190, 200, 208, 240, 339, 382, 390, 466, 525, 544, 556, 595, 685, 689, 723, 817,
	983, 1018, 1028, 1202, 1268, 1318, 1346, 1445, 1641, 1677, 1679, 1686, 1708, 1715, 1717, 1799, 1853, 1854, 1880,
	1897, 1943, 2041, 2094, 2098, 2110, 2196, 2216, 2276, 2364, 2400, 2426, 2452, 2454, 2462, 2486, 2566, 2586, 2592,
	2659, 2666, 2739, 2930, 2961, 3579, 3914,
}

// dropCorpusSeeds are those of TestDropCorpus.
var dropCorpusSeeds = []uint64{
	92, 175, 207, 221, 276, 322, 344, 393, 400, 508, 517, 534, 543, 562, 580, 717, 812, 832, 847, 883, 1017, 1057, 1159,
	1189, 1303, 1336, 1359, 1597, 2247, 2371,
}

// TestCorpus records what one replica goes through in some schedules and holds
// the file of it to what the replica does today. The TypeScript tests hold the
// other replica to the file; what is compared is said in
// web/client/test/corpus.test.ts. A line is a recording's head or an event of it:
//
//	{"schedule": seed, "view": …, "pushed": limit, "end": why}
//	{"at": ms, …what happened…, …what is different now…, "sent": […]}
//
// What happened is "on" or "off" (of a connection), "frame" (a message received),
// "mutate", "retry", "discard", "view" (by the application) or "wait" (only time).
// What is different are the entries that show ("put" with version, state and
// canonical value, "del"), "pending" and "rejected" (numbers of mutations; with
// the ids on the wire and the codes), "cursor", "live". Sent are
// ["open", client, acked, cursor, was] and, for each mutation of a push,
// ["push", client, id, number].
func TestCorpus(t *testing.T) {
	holdCorpus(t, corpusFile, corpusSeeds, false, covered)
}

// TestDropCorpus is TestCorpus of schedules with rules, in which what may be seen
// changes and replicas are told by selector what to drop.
func TestDropCorpus(t *testing.T) {
	holdCorpus(t, dropCorpusFile, dropCorpusSeeds, true, coveredByDrops)
}

func holdCorpus(t *testing.T, file string, seeds []uint64, drops bool, covered map[string]string) {
	var got bytes.Buffer
	counts := map[string]int{}
	for _, seed := range seeds {
		r := record(seed, drops)
		if r.w.err != nil {
			t.Errorf("schedule %d: %v", seed, r.w.err)
		}
		text := r.text()
		got.Write(text)
		for _, name := range r.covers(text, covered) {
			counts[name]++
		}
	}
	for name := range covered {
		if counts[name] == 0 {
			t.Errorf("no recording has %s", name)
		}
	}
	if *updateCorpus {
		if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("%s is not what the replica does; if that is meant, run go test ./sim -run Corpus -update", file)
	}
	if len(want) > corpusSize {
		t.Errorf("the corpus has %d bytes, more than %d", len(want), corpusSize)
	}
	if testing.Verbose() {
		for _, name := range slices.Sorted(maps.Keys(counts)) {
			t.Logf("%3d recordings have %s", counts[name], name)
		}
	}
}

// coveredByDrops is what must be in the corpus of drops.
var coveredByDrops = map[string]string{
	"a drop by selector":             `"drop":[{"in":"cards","where":`,
	"a drop of a collection":         `"drop":[{"in":"cards"}`,
	"a drop and entries that stay":   `}],"put":[["cards"`,
	"a drop in parts":                `"more":true`,
	"a forbidden mutation":           `"code":"forbidden"`,
	"an entry that leaves by a drop": `"del":[["cards"`,
}

// covered is what must be in the corpus, and text by which it is known, "" for
// what the recording itself knows.
var covered = map[string]string{
	"a first reset":             `"reason":"new"`,
	"a reset after a trim":      `"reason":"trimmed"`,
	"a reset after a fork":      `"reason":"forked"`,
	"a resume by diffs":         `"resume":"diff"`,
	"nothing new at a resume":   `"resume":"current"`,
	"a diff in parts":           `"more":true`,
	"an applied mutation":       `"outcome":"applied"`,
	"a duplicate":               `"outcome":"duplicate"`,
	"a mutation to send later":  `"outcome":"retry_after"`,
	"a stale rejection":         `"code":"stale"`,
	"a patch of nothing":        `"code":"not_found"`,
	"an invalid mutation":       `"code":"invalid"`,
	"a forgotten rejection":     `"code":"forgotten"`,
	"a gap in ids":              `"code":"mutation_gap"`,
	"a full disk":               `"code":"unavailable"`,
	"a displaced client":        `"code":"displaced"`,
	"a client id used twice":    `"code":"client_forked"`,
	"a retry":                   `"retry":`,
	"a discard":                 `"discard":`,
	"another view":              `",[{"in"`,
	"a time to wait":            `"wait":true`,
	"an increment":              `"$inc"`,
	"a set":                     `"$set"`,
	"an add":                    `"$add"`,
	"a version asked for":       `"if":`,
	"reads of keys":             `"keys":[[`,
	"reads by a selector":       `"reads":{"at":0,"where"`,
	"reads that were forsaken":  `"end":"forsaken reads"`,
	"an entry that leaves":      `"del":[["cards"`,
	"a retry with reads":        "",
	"a message that came twice": "",
	"a diff that is missing":    "",
	"a second client id":        "",
	"lost history":              "",
	"outcomes that were lost":   "",
}

// covers is what of it is in a recording.
func (r *recording) covers(text []byte, covered map[string]string) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(covered)) {
		if mark := covered[name]; r.has[name] || mark != "" && bytes.Contains(text, []byte(mark)) {
			names = append(names, name)
		}
	}
	return names
}

// TestPickCorpus prints seeds for corpusSeeds: what is rare several times, and as
// much else as there is room for.
//
//	go test ./sim -run TestPickCorpus -sim.pick=5000 -v
func TestPickCorpus(t *testing.T) {
	if *pickCorpus == 0 {
		t.Skip("only with -sim.pick")
	}
	type candidate struct {
		seed   uint64
		size   int
		covers []string
	}
	var all []candidate
	seen := map[string]int{}
	for seed := range uint64(*pickCorpus) {
		if r := record(seed, false); r.w.err == nil {
			text := r.text()
			c := candidate{seed, len(text), r.covers(text, covered)}
			all = append(all, c)
			for _, name := range c.covers {
				seen[name]++
			}
		} else {
			t.Logf("schedule %d: %v", seed, r.w.err)
		}
	}
	const often = 8
	counts, size := map[string]int{}, 0
	var seeds []uint64
	for size < corpusSize*3/4 && len(seeds) < 60 && len(all) > 0 {
		// The most that is still wanted, for a byte.
		worth := func(c candidate) float64 {
			sum := 0.01
			for _, name := range c.covers {
				if counts[name] < often {
					sum += 1 / float64(seen[name])
				}
			}
			return sum / float64(c.size+10_000)
		}
		best := 0
		for i := range all {
			if worth(all[i]) > worth(all[best]) {
				best = i
			}
		}
		size += all[best].size
		seeds = append(seeds, all[best].seed)
		for _, name := range all[best].covers {
			counts[name]++
		}
		all = slices.Delete(all, best, best+1)
	}
	slices.Sort(seeds)
	for _, name := range slices.Sorted(maps.Keys(covered)) {
		t.Logf("%5d of %d: %s", counts[name], seen[name], name)
	}
	t.Logf("%d bytes\n%s", size, fmt.Sprint(seeds))
}
