package token

import (
	"errors"
	"slices"

	"github.com/MicahParks/jwkset"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// keys are the usable keys of one version of a key set. They are never altered.
type keys struct {
	named map[string]any
	only  any // the key, if there is exactly one
	count int
}

// pick returns the key that a token names, or the only one if it names none; nil
// if there is no such key.
func (k *keys) pick(kid string) any {
	if k == nil {
		return nil
	}
	if kid == "" {
		return k.only
	}
	return k.named[kid]
}

// A jsonKey has the members of a JSON Web Key (RFC 7517) that matter. Those that
// would have a library fetch or trust a certificate (x5u, x5c) are left out.
type jsonKey struct {
	Type       string         `json:"kty"`
	ID         string         `json:"kid"`
	Use        string         `json:"use"`
	Operations []string       `json:"key_ops"`
	Algorithm  string         `json:"alg"`
	Curve      string         `json:"crv"`
	X          string         `json:"x"`
	Y          string         `json:"y"`
	N          string         `json:"n"`
	E          string         `json:"e"`
	Private    jsontext.Value `json:"d"`
}

// parseKeys reads a key set for the algorithm of that name. Keys that are not for
// it, that are for something else than signatures, that cannot be read or whose
// private half has been published are passed over, as RFC 7517 (5) has it. The
// error says why the set as a whole is broken.
func parseKeys(raw []byte, name string) (*keys, error) {
	var set struct {
		Keys []jsontext.Value `json:"keys"`
	}
	// Unlike encoding/json this takes no name twice and none in another case.
	if err := json.Unmarshal(raw, &set); err != nil {
		return nil, errors.New("it is not strict JSON with a list of keys")
	}
	if set.Keys == nil {
		return nil, errors.New("it has no list of keys")
	}
	k := &keys{named: map[string]any{}}
	for _, one := range set.Keys {
		id, key := parseKey(one, name)
		if key == nil {
			continue
		}
		if k.named[id] != nil {
			return nil, errors.New("two of its keys have the same id")
		}
		if id != "" {
			k.named[id] = key
		}
		k.only = key
		k.count++
	}
	if k.count != 1 {
		k.only = nil
	}
	return k, nil
}

// parseKey returns a key and its id ("" if it has none), or nil if the key is
// not to be used.
func parseKey(raw []byte, name string) (id string, key any) {
	alg := algorithms[name]
	var j jsonKey
	if json.Unmarshal(raw, &j) != nil {
		return "", nil
	}
	if j.Type != alg.kty || j.Algorithm != "" && j.Algorithm != name || j.Use != "" && j.Use != "sig" ||
		j.Operations != nil && !slices.Contains(j.Operations, "verify") || j.Private != nil || len(j.ID) > maxText {
		return "", nil
	}
	jwk, err := jwkset.NewJWKFromMarshal(jwkset.JWKMarshal{
		KTY: jwkset.KTY(j.Type), CRV: jwkset.CRV(j.Curve), X: j.X, Y: j.Y, N: j.N, E: j.E,
	}, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
	if err != nil || !alg.takes(jwk.Key()) {
		return "", nil
	}
	return j.ID, jwk.Key()
}
