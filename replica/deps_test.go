package replica_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestDependencies: a program that embeds a replica links these modules and no
// others. Think twice before adding one.
func TestDependencies(t *testing.T) {
	allowed := []string{
		"github.com/syncline/syncline",
		"github.com/go-json-experiment/json",
		"go.etcd.io/bbolt",
		"golang.org/x/sys", // bbolt
		"github.com/lxzan/gws",
		"github.com/dolthub/maphash",    // gws
		"github.com/klauspost/compress", // gws
	}
	out, err := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, module := range slices.Compact(slices.Sorted(strings.FieldsSeq(string(out)))) {
		if !slices.Contains(allowed, module) {
			t.Errorf("package replica links %s", module)
		}
	}
	packages, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.FieldsSeq(string(packages)) {
		for _, server := range []string{"/host", "/transport", "/pebblestore", "/cmd"} {
			if strings.HasPrefix(name, "github.com/syncline/syncline") && strings.Contains(name, server) {
				t.Errorf("package replica links the server's %s", name)
			}
		}
	}
}
