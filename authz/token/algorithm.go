package token

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"

	"github.com/golang-jwt/jwt/v5"
)

// An algorithm is a way to sign and what its keys are like.
type algorithm struct {
	method jwt.SigningMethod
	secret int            // the least bytes of a secret; 0 if keys are public
	kty    string         // of public keys
	curve  elliptic.Curve // of kty EC
}

// algorithms are all there are. "none" is not among them.
var algorithms = map[string]algorithm{
	"HS256": {method: jwt.SigningMethodHS256, secret: 32},
	"HS384": {method: jwt.SigningMethodHS384, secret: 48},
	"HS512": {method: jwt.SigningMethodHS512, secret: 64},
	"RS256": {method: jwt.SigningMethodRS256, kty: "RSA"},
	"RS384": {method: jwt.SigningMethodRS384, kty: "RSA"},
	"RS512": {method: jwt.SigningMethodRS512, kty: "RSA"},
	"PS256": {method: pss(jwt.SigningMethodPS256), kty: "RSA"},
	"PS384": {method: pss(jwt.SigningMethodPS384), kty: "RSA"},
	"PS512": {method: pss(jwt.SigningMethodPS512), kty: "RSA"},
	"ES256": {method: jwt.SigningMethodES256, kty: "EC", curve: elliptic.P256()},
	"ES384": {method: jwt.SigningMethodES384, kty: "EC", curve: elliptic.P384()},
	"ES512": {method: jwt.SigningMethodES512, kty: "EC", curve: elliptic.P521()},
	"EdDSA": {method: jwt.SigningMethodEdDSA, kty: "OKP"},
}

// pss returns the method with the one length of salt that RFC 7518 (3.5) allows;
// the library's own takes any.
func pss(m *jwt.SigningMethodRSAPSS) jwt.SigningMethod {
	return &jwt.SigningMethodRSAPSS{SigningMethodRSA: m.SigningMethodRSA, Options: m.Options}
}

func (a algorithm) symmetric() bool { return a.secret > 0 }

// RSA keys below the lower bound are not safe and RFC 7518 (3.3) forbids them;
// those above the upper one make verification slow.
const minRSA, maxRSA = 2048, 8192

// takes reports whether a public key is one for this algorithm: the library
// checks the type, but neither the curve nor the size.
func (a algorithm) takes(key any) bool {
	switch key := key.(type) {
	case *rsa.PublicKey:
		n := key.N.BitLen()
		return a.kty == "RSA" && n >= minRSA && n <= maxRSA && key.E >= 3 && key.E%2 == 1
	case *ecdsa.PublicKey:
		return a.kty == "EC" && key.Curve == a.curve
	case ed25519.PublicKey:
		return a.kty == "OKP"
	}
	return false
}
