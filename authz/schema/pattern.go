package schema

import (
	"errors"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/syncline/syncline/authz/pattern"
)

// maxSteps bounds what the patterns of a schema may take of one check (pattern.Steps), since whoever writes
// the record chooses how long its texts are.
const maxSteps = 1 << 20

// errSteps ends a check, as a panic, since a pattern that does not match would mean something under "not".
var errSteps = errors.New("its texts are too long for the patterns of the schema")

// charged is a pattern that is charged for.
type charged struct {
	*pattern.Pattern
	of *checker
}

// pattern is a jsonschema.RegexpEngine.
func (k *checker) pattern(text string) (jsonschema.Regexp, error) {
	p, err := pattern.Compile(text, 0)
	if err != nil {
		return nil, err
	}
	return charged{p, k}, nil
}

// MatchString implements jsonschema.Regexp.
func (c charged) MatchString(text string) bool {
	if c.of.left -= c.Steps(text); c.of.left < 0 {
		panic(errSteps)
	}
	return c.Pattern.MatchString(text)
}
