// Package pattern has regular expressions that say what they cost. How much an expression may cost, and what becomes of
// one that costs more, is the business of whoever evaluates it: rules and schemas.
package pattern

import (
	"fmt"
	"regexp"
	"regexp/syntax"
)

// A Pattern is a compiled regular expression, in Go's syntax. It is immutable.
type Pattern struct {
	*regexp.Regexp
	// Size is the number of its instructions. Counts ("a{1,1000}b") make it large.
	Size int
}

// Compile makes a pattern of at most limit instructions; 0 is no limit but Go's own.
func Compile(text string, limit int) (*Pattern, error) {
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, err
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return nil, err
	}
	size := len(program.Inst)
	if limit > 0 && size > limit {
		return nil, fmt.Errorf("a regular expression of %d instructions; the limit is %d", size, limit)
	}
	re, err := regexp.Compile(text)
	return &Pattern{re, size}, err
}

// Steps is the most that matching a text takes: its bytes times instructions, a few nanoseconds each. Go's expressions take linear time.
func (p *Pattern) Steps(text string) int { return (len(text) + 1) * p.Size }
