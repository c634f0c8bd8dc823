package kernel_test

import (
	"fmt"
	"testing"

	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
)

// blinds hide what says that it is hidden, and count how often they are asked.
type blinds struct {
	kernel.Guard
	asked int
}

func (b *blinds) ID() string                            { return "blinds" }
func (b *blinds) Masks(string) bool                     { return true }
func (b *blinds) Alters(string) bool                    { return true }
func (b *blinds) Sight(collection string) kernel.Filter { return b }

func (b *blinds) See(_ string, doc map[string]any) (shown map[string]any, whole, visible bool) {
	b.asked++
	return doc, true, doc["hidden"] == nil
}

func (b *blinds) Write(s kernel.State, key space.Key, was func() (space.Version, error), next space.Version) (*space.Refusal, error) {
	old, err := was()
	if err != nil {
		return nil, err
	}
	if _, visible, err := kernel.Show(b, key, old); err != nil || old.Live() && !visible {
		return &space.Refusal{Code: space.CodeForbidden, Key: key}, err
	}
	return b.Guard.Write(s, key, was, next)
}

// TestGuessesTakeTheSameWork: whether an entry is hidden or absent, what is asked about it is as
// much, and so is the answer; but for a put, which makes an entry where there is none.
func TestGuessesTakeTheSameWork(t *testing.T) {
	for _, try := range []string{
		`{"op":"patch","in":"c","id":%q,"patch":{"$inc":{"n":1}}}`,
		`{"op":"delete","in":"c","id":%q}`,
		`{"op":"delete","in":"c","id":%q,"if":1}`,
		`{"op":"delete","in":"c","id":%q,"if":0}`,
		`{"op":"put","in":"c","id":%q,"if":1,"value":{}}`,
	} {
		var answers []string
		for _, id := range []string{"hidden", "absent"} {
			l := newLedger(t)
			l.must(ada, put("hidden", `{"hidden":1,"n":1}`))
			b := &blinds{Guard: l.guard}
			l.guard = b
			m := l.parse(fmt.Sprintf(`{"ops":[`+try+`]}`, id))
			o, err := l.submit(web, m)
			if err != nil {
				t.Fatal(err)
			}
			if o.Current != nil {
				o.Current.ID = ""
			}
			answers = append(answers, fmt.Sprintf("%s %s %s %s %+v, asked %d times", o.Kind, o.Code, o.Path, o.Message, o.Current, b.asked))
			if b.asked == 0 {
				t.Errorf("%s of what is %s: nobody was asked", try, id)
			}
		}
		if answers[0] != answers[1] {
			t.Errorf("%s:\nhidden: %s\nabsent: %s", try, answers[0], answers[1])
		}
	}
}
