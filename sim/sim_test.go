package sim

import (
	"flag"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/syncline/syncline/authz/constraint"
	hostcore "github.com/syncline/syncline/host/core"
	"github.com/syncline/syncline/kernel"
	replicacore "github.com/syncline/syncline/replica/core"
)

var (
	first  = flag.Uint64("sim.seed", 1, "the first seed; with -sim.n=1 -v its events are printed")
	number = flag.Int("sim.n", 2000, "how many schedules TestPromises runs")
)

// kept are seeds that have found a bug and lie beyond those that are always run.
var kept = []uint64{2202, 2626, 4208, 4862, 4878, 5042}

// TestPromises runs schedules and checks the promises in each. To look at one:
//
//	go test ./sim -run TestPromises -sim.seed=N -sim.n=1 -v
func TestPromises(t *testing.T) {
	var total Counts
	var mu sync.Mutex
	seeds := make([]uint64, *number)
	for i := range seeds {
		seeds[i] = *first + uint64(i)
	}
	if *number > 1 {
		seeds = append(seeds, kept...)
	}
	failed := each(len(seeds), func(i int) error {
		var log func(string)
		if *number == 1 && testing.Verbose() {
			log = func(line string) { t.Log(line) }
		}
		r := Run(seeds[i], Bugs{}, log)
		mu.Lock()
		defer mu.Unlock()
		total.Applied += r.Counts.Applied
		total.Rejected += r.Counts.Rejected
		total.Reopened += r.Counts.Reopened
		total.Reconnected += r.Counts.Reconnected
		total.Restored += r.Counts.Restored
		total.Dropped += r.Counts.Dropped
		total.Called += r.Counts.Called
		total.Hidden += r.Counts.Hidden
		total.Lensed += r.Counts.Lensed
		if r.Err != nil {
			return fmt.Errorf("seed %d: %w", r.Seed, r.Err)
		}
		return nil
	})
	t.Logf("%d schedules: %+v", len(seeds), total)
	for _, err := range failed {
		t.Error(err)
	}
	if *number > 1000 && (total.Applied == 0 || total.Rejected == 0 || total.Reopened == 0 || total.Restored == 0 || total.Dropped == 0 || total.Called == 0 || total.Hidden == 0 || total.Lensed == 0) {
		t.Errorf("the schedules do not reach what they are for: %+v", total)
	}
}

// each runs f for 0 … n-1 on all processors and returns the first errors.
func each(n int, f func(i int) error) (failed []error) {
	var next atomic.Int64
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				mu.Lock()
				enough := len(failed) >= 5
				mu.Unlock()
				if i >= n || enough {
					return
				}
				if err := f(i); err != nil {
					mu.Lock()
					failed = append(failed, err)
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return failed
}

// TestReplay: the same seed is the same run, bit for bit.
func TestReplay(t *testing.T) {
	for seed := range uint64(40) {
		a, b := Run(seed, Bugs{}, nil), Run(seed, Bugs{}, nil)
		if a.Trace != b.Trace || a.Events != b.Events {
			t.Errorf("seed %d: %s after %d events, then %s after %d", seed, a.Trace, a.Events, b.Trace, b.Events)
		}
	}
}

// TestPlantedBugs: each planted bug is found, within a number of schedules that
// TestPromises runs twice.
func TestPlantedBugs(t *testing.T) {
	bugs := []struct {
		name string
		bugs Bugs
	}{
		{"double apply", Bugs{Host: hostcore.Bugs{Kernel: kernel.Bugs{DoubleApply: true}}}},
		{"lost acknowledgement", Bugs{Host: hostcore.Bugs{EarlyAck: true}}},
		{"half commit shown", Bugs{Host: hostcore.Bugs{HalfCommit: true}}},
		{"stale read set accepted", Bugs{Host: hostcore.Bugs{Kernel: kernel.Bugs{StaleReads: true}}}},
		{"dropped remove", Bugs{Host: hostcore.Bugs{DroppedRemove: true}}},
		{"removed members stay", Bugs{Host: hostcore.Bugs{StaysMember: true}}},
		{"an entry's former keys are forgotten", Bugs{Host: hostcore.Bugs{NewKeysOnly: true}}},
		{"what is dropped and stays is not sent again", Bugs{Host: hostcore.Bugs{BlindDrops: true}}},
		{"a replica drops after it has put", Bugs{Replica: replicacore.Bugs{DropLast: true}}},
		{"any scope accepted", Bugs{Host: hostcore.Bugs{AnyScope: true}}},
		{"the past seen with today's rights", Bugs{Host: hostcore.Bugs{TodaysScope: true}}},
		{"constraints ignore what is planned before", Bugs{Host: hostcore.Bugs{Constraints: constraint.Bugs{BaseOnly: true}}}},
		{"what is deleted leaves references", Bugs{Host: hostcore.Bugs{Constraints: constraint.Bugs{NoCascade: true}}}},
		{"an agreement holds whatever has changed", Bugs{Host: hostcore.Bugs{OldConsent: true}}},
		{"wrong digest accepted", Bugs{Host: hostcore.Bugs{AnyDigest: true}}},
		{"the server draws other random numbers", Bugs{Host: hostcore.Bugs{Kernel: kernel.Bugs{OtherSeed: true}}}},
		{"the replica draws other random numbers", Bugs{Replica: replicacore.Bugs{OtherSeed: true}}},
		{"what mutators write is not asked about", Bugs{Host: hostcore.Bugs{Kernel: kernel.Bugs{UnguardedCalls: true}}}},
		{"replica shows half a diff", Bugs{Replica: replicacore.Bugs{ShowHalfDiff: true}}},
		{"replica drops a remove", Bugs{Replica: replicacore.Bugs{DropRemove: true}}},
		{"replica forgets what it sent", Bugs{Replica: replicacore.Bugs{LostAckOnRestart: true}}},
		{"replica renumbers what it sends again", Bugs{Replica: replicacore.Bugs{DoubleResend: true}}},
		{"replica shows what has no lease any more", Bugs{Replica: replicacore.Bugs{EndlessLease: true}}},
		{"replica lets its clock be set back", Bugs{Replica: replicacore.Bugs{TurnedBack: true}}},
		{"replica shows again too early", Bugs{Replica: replicacore.Bugs{EarlyContact: true}}},
		{"entries are read in the form in which they were stored", Bugs{Host: hostcore.Bugs{Unlifted: true}}},
		{"replica keeps what it holds in another form", Bugs{Replica: replicacore.Bugs{OldForm: true}}},
		{"replica says that mutations are of another version", Bugs{Replica: replicacore.Bugs{Respelled: true}}},
		{"replica accepts any digest", Bugs{Replica: replicacore.Bugs{AcceptAnyDigest: true}}},
	}
	for _, b := range bugs {
		t.Run(b.name, func(t *testing.T) {
			for seed := range uint64(1000) {
				if r := Run(seed, b.bugs, nil); r.Err != nil {
					t.Logf("found by seed %d: %v", seed, r.Err)
					return
				}
			}
			t.Error("not found in 1000 schedules")
		})
	}
}
