package schema

import (
	"errors"
	"regexp"
	"regexp/syntax"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// maxSteps bounds what the patterns of a schema may take of one check: bytes matched times instructions of the
// regular expression, a few nanoseconds each. Go's expressions take linear time, but with counts
// ("a{1,1000}b") they get large, and whoever writes the record chooses how long its texts are.
const maxSteps = 1 << 20

// errSteps ends a check, as a panic, since a pattern that does not match would mean something under "not".
var errSteps = errors.New("its texts are too long for the patterns of the schema")

// A pattern is a regular expression that is charged for.
type pattern struct {
	*regexp.Regexp
	size int
	of   *checker
}

// pattern is a jsonschema.RegexpEngine.
func (k *checker) pattern(text string) (jsonschema.Regexp, error) {
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, err
	}
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, err
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return nil, err
	}
	return pattern{re, len(program.Inst), k}, nil
}

// MatchString implements jsonschema.Regexp.
func (p pattern) MatchString(text string) bool {
	if p.of.left -= (len(text) + 1) * p.size; p.of.left < 0 {
		panic(errSteps)
	}
	return p.Regexp.MatchString(text)
}
