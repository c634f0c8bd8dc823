// Package schema checks records against JSON Schema (draft 2020-12), and says
// what is wrong with one in a sentence for people. It fetches nothing: a schema
// that refers to another document does not compile.
package schema

import (
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/syncline/syncline/value"
)

// MaxBytes bounds the text of a schema.
const MaxBytes = 256 << 10

// A Schema is ready to check records. It may be used by any goroutine.
type Schema struct {
	tree any
	free chan *checker // those that nobody uses just now
}

// A checker is a compiled schema that one goroutine uses at a time, since its
// patterns count what they take.
type checker struct {
	root  *jsonschema.Schema
	first *sieve // nil: root decides on everything
	left  int    // steps of the check under way, see maxSteps
}

// maxFree is how many checkers are kept.
const maxFree = 8

// nowhere loads nothing.
type nowhere struct{}

func (nowhere) Load(url string) (any, error) {
	return nil, fmt.Errorf("%s: a schema stands by itself; put what it refers to into its $defs", url)
}

// Compile reads a schema.
func Compile(text jsontext.Value) (*Schema, error) {
	if len(text) > MaxBytes {
		return nil, fmt.Errorf("a schema of %d bytes; the limit is %d", len(text), MaxBytes)
	}
	tree, err := value.ParseAny(text)
	if err != nil {
		return nil, fmt.Errorf("the schema: %w", err)
	}
	s := &Schema{tree, make(chan *checker, maxFree)}
	first, err := s.compile()
	if err != nil {
		return nil, err
	}
	s.free <- first
	return s, nil
}

func (s *Schema) compile() (*checker, error) {
	k := &checker{}
	c := jsonschema.NewCompiler()
	c.UseRegexpEngine(k.pattern)
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat() // a format that says nothing would be a surprise
	c.UseLoader(nowhere{})
	const name = "definition:schema"
	if err := c.AddResource(name, s.tree); err != nil {
		return nil, fmt.Errorf("the schema: %w", err)
	}
	root, err := c.Compile(name)
	if err != nil {
		return nil, fmt.Errorf("the schema: %s", strings.ReplaceAll(err.Error(), name, ""))
	}
	k.root = root
	k.first, _ = sieving{}.of(root)
	return k, nil
}

// validate holds a record against the schema, with a checker that nobody else uses meanwhile.
func (s *Schema) validate(doc any) (err error) {
	var k *checker
	select {
	case k = <-s.free:
	default:
		if k, err = s.compile(); err != nil {
			return err // it has compiled before
		}
	}
	k.left = maxSteps
	defer func() {
		select {
		case s.free <- k:
		default:
		}
		if r := recover(); r != nil {
			if r != errSteps {
				panic(r)
			}
			err = errSteps
		}
	}()
	if k.first != nil && k.first.fits(doc) {
		return nil
	}
	k.left = maxSteps
	return k.root.Validate(doc)
}

var english = message.NewPrinter(language.English)

// Check says what is wrong with a record, or another JSON value, and where, as a dotted path from its
// root; ok if nothing is. Of several things it tells the first that the schema comes upon.
func (s *Schema) Check(doc any) (path, what string, ok bool) {
	err := s.validate(doc)
	if err == nil {
		return "", "", true
	}
	bad, is := err.(*jsonschema.ValidationError)
	if !is {
		return "", err.Error(), false
	}
	for len(bad.Causes) > 0 {
		bad = bad.Causes[0]
	}
	return strings.Join(bad.InstanceLocation, "."), bad.ErrorKind.LocalizedString(english), false
}
