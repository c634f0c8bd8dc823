package script

import (
	_ "embed"
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"modernc.org/quickjs"

	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/mutator"
	"github.com/syncline/syncline/selector"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/value"
)

//go:embed prelude.js
var prelude string

// A realm is one JavaScript engine with the script in it. It is used by one
// goroutine at a time. Runs share what is frozen only: the script itself is run anew in each.
type realm struct {
	vm                    *quickjs.VM
	begin, settled, names quickjs.Value
	held                  []quickjs.Value
	none                  quickjs.Value
	tx                    *mutator.Tx // of the run under way
	uses                  int
}

func newRealm(source string, opt Options) (_ *realm, err error) {
	vm, err := quickjs.NewVM()
	if err != nil {
		return nil, err
	}
	r := &realm{vm: vm}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	vm.SetMemoryLimit(uintptr(opt.Memory))
	vm.SetMaxStackSize(maxStack)
	const name = "__host"
	if err := vm.RegisterHostFunc(name, r.host); err != nil {
		return nil, err
	}
	eval := func(text string) (quickjs.Value, error) {
		v, err := vm.EvalValue(text, quickjs.EvalGlobal)
		if err == nil {
			r.held = append(r.held, v)
		}
		return v, err
	}
	host, err := eval(name)
	if err != nil {
		return nil, err
	}
	factory, err := eval(wrap(source))
	if err != nil {
		return nil, err
	}
	boot, err := eval(prelude)
	if err != nil {
		return nil, fmt.Errorf("prelude: %w", err)
	}
	if r.none, err = eval("undefined"); err != nil {
		return nil, err
	}
	api, err := boot.CallValue(r.none, host, factory)
	if err != nil {
		return nil, fmt.Errorf("prelude: %w", err)
	}
	r.held = append(r.held, api)
	for _, f := range []struct {
		name string
		to   *quickjs.Value
	}{{"begin", &r.begin}, {"settled", &r.settled}, {"names", &r.names}} {
		atom, err := vm.NewAtom(f.name)
		if err != nil {
			return nil, err
		}
		if *f.to, err = api.GetPropertyValue(atom); err != nil {
			return nil, err
		}
		r.held = append(r.held, *f.to)
	}
	return r, nil
}

// wrap makes a function of the script, which has been found to be one. Names that it
// declares are the function's; what it puts on globalThis goes to an object of its own.
func wrap(source string) string {
	return "(function (globalThis) {" + source + "\n;return typeof __syncline === 'undefined' ? globalThis.__syncline : __syncline;\n})"
}

func (r *realm) close() {
	for _, v := range r.held {
		v.Free()
	}
	_ = r.vm.Close() // nothing in it is to be kept
}

// text calls one of the prelude's functions, each of which answers with a string.
func (r *realm) text(f quickjs.Value, args ...any) (string, error) {
	v, err := f.Call(r.none, args...)
	if err != nil {
		return "", err
	}
	text, ok := v.(string)
	if !ok {
		return "", fmt.Errorf("a %T where a text is due", v)
	}
	return text, nil
}

// run runs a mutator. clean tells whether the realm can be used again.
func (r *realm) run(kind string, tx *mutator.Tx, args jsontext.Value) (clean bool, err error) {
	r.tx = tx
	defer func() { r.tx = nil }()
	r.uses++
	claims := []byte("{}")
	if len(tx.Claims()) > 0 {
		if claims, err = json.Marshal(tx.Claims(), json.Deterministic(true)); err != nil {
			return true, err
		}
	}
	answer, err := r.text(r.begin, kind, tx.Name(), string(args), float64(tx.Now().UnixMilli()), tx.User(), string(claims), string(tx.Space()))
	if err == nil && answer == "p" {
		if _, err = r.vm.ExecutePendingJobs(); err == nil {
			answer, err = r.text(r.settled)
		}
	} else if err == nil {
		_, err = r.vm.ExecutePendingJobs() // what it left behind must not be run in the next
	}
	switch {
	case tx.Context().Err() != nil:
		return false, errors.New("the time is up")
	case err != nil:
		return false, fault(err.Error())
	case answer == "ok":
		return true, nil
	case answer == "p":
		return false, fault("it waits for a promise that nothing will settle")
	case answer[0] == 'r':
		var said struct {
			Code    string `json:"code"`
			Path    string `json:"path"`
			Message string `json:"message"`
		}
		if err := json.Unmarshal([]byte(answer[1:]), &said, jsontext.AllowInvalidUTF8(true)); err != nil {
			return false, fault(err.Error())
		}
		return true, mutator.Refuse(said.Code, said.Path, said.Message)
	default:
		return false, fault(answer[1:])
	}
}

// maxDetail bounds what is kept of an error, in bytes.
const maxDetail = 4 << 10

func fault(detail string) *kernel.Fault {
	f := &kernel.Fault{Reason: "error", Detail: strings.ToValidUTF8(detail[:min(len(detail), maxDetail)], "\ufffd")}
	switch {
	case strings.Contains(detail, "out of memory"):
		f.Reason = "memory"
	case strings.Contains(detail, "stack overflow"):
		f.Reason = "stack"
	}
	return f
}

var errNoRun = errors.New("no mutator is running")

// host is what scripts can ask for. An error ends the run: it says nothing that the script could use.
func (r *realm) host(args []any) (any, error) {
	if r.tx == nil {
		return nil, errNoRun
	}
	if err := r.tx.Context().Err(); err != nil {
		return nil, err
	}
	var text [4]string
	for i := range min(len(args), len(text)) {
		text[i], _ = args[i].(string) // the prelude passes nothing else
	}
	switch text[0] {
	case "random":
		return r.tx.Random(), nil
	case "id":
		return r.tx.ID(), nil
	case "get":
		raw, err := r.tx.Raw(text[1], text[2])
		return string(raw), err
	case "find":
		return r.find(text[1])
	case "put":
		return refused(r.tx.Put(text[1], text[2], jsontext.Value(text[3])))
	case "patch":
		return refused(r.tx.Patch(text[1], text[2], jsontext.Value(text[3])))
	case "delete":
		return refused(r.tx.Delete(text[1], text[2]))
	}
	return nil, fmt.Errorf("there is no %.20q", text[0])
}

// refused is how a script learns that a write cannot be: "" if it can.
func refused(err error) (any, error) {
	var refusal *space.Refusal
	if err == nil || !errors.As(err, &refusal) {
		return "", err
	}
	text, err := json.Marshal(map[string]string{"code": refusal.Code, "path": refusal.Path, "message": refusal.Message})
	return string(text), err
}

func (r *realm) find(text string) (any, error) {
	tree, err := value.Parse([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	in, _ := tree["in"].(string)
	delete(tree, "in")
	delete(tree, "fields")
	q, err := selector.ParseQuery(value.Encode(tree))
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	found, err := r.tx.Find(in, *q)
	if err != nil {
		return nil, err
	}
	rows := make([]any, len(found))
	for i, f := range found {
		rows[i] = map[string]any{"id": f.Key.ID, "value": f.Doc}
	}
	out, err := value.EncodeAny(rows)
	return string(out), err
}
