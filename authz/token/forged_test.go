package token_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/syncline/syncline/authz/token"
)

// TestForged: none of these is believed, and no message repeats what the token
// says. The signatures are right unless a case is about signatures.
func TestForged(t *testing.T) {
	rsIss, esIss := issuerOf("RS256"), issuerOf("ES256")
	rsIss.Name, rsIss.JWKS = "https://rs.example", "https://rs.example/keys"
	esIss.Name, esIss.JWKS = "https://es.example", "https://es.example/keys"
	keySet := serving(jwks(jwk("r", rsaOne().Public(), ""), jwk("e", ecP256().Public(), "")))
	v := verifier(t, token.Options{Transport: keySet}, hsIssuer(), rsIss, esIss)

	of := func(i token.Issuer) string { return strings.Replace(good, iss, i.Name, 1) }
	with := func(old, fresh string) string { return hs(strings.Replace(good, old, fresh, 1)) }
	unsigned := func(header string) string { return b64(header) + "." + b64(good) + "." }
	rs := func(header string) string { return mint(rs256, rsaOne(), header, of(rsIss)) }
	hsSigned := func(header, claims string, key []byte) string { return mint(hs256, key, header, claims) }

	der, err := x509.MarshalPKIXPublicKey(rsaOne().Public())
	if err != nil {
		t.Fatal(err)
	}
	pemKey := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	fine := hs(good)
	parts := strings.Split(fine, ".")
	es := strings.Split(mint(es256, ecP256(), `{"alg":"ES256","kid":"e"}`, of(esIss)), ".")
	esSignature, _ := base64.RawURLEncoding.DecodeString(es[2])
	asASN1 := append([]byte{0x30, 68, 2, 32}, append(append(append([]byte{}, esSignature[:32]...), 2, 32), esSignature[32:]...)...)

	// The same bits, with others set that no byte has room for.
	last := parts[2][len(parts[2])-1]
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	stray := parts[0] + "." + parts[1] + "." + parts[2][:len(parts[2])-1] + string(alphabet[strings.IndexByte(alphabet, last)|1])
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(parts[0] + "." + parts[1]))
	half := mac.Sum(nil)[:16]

	// What these are made from is believed, so that each fails for its own reason.
	accepts(t, v, fine)
	accepts(t, v, rs(`{"alg":"RS256","kid":"r"}`))
	accepts(t, v, strings.Join(es, "."))

	for _, c := range []struct{ name, token, why string }{
		// Form.
		{"empty", "", "three parts"},
		{"one part", "mallory", "three parts"},
		{"two parts", parts[0] + "." + parts[1], "three parts"},
		{"four parts", fine + ".mallory", "three parts"},
		{"five parts, as when encrypted", fine + ".a.b", "three parts"},
		{"too long", hs(claims(`"pad":"` + strings.Repeat("x", 8000) + `"`)), "longer than 8192"},
		{"megabytes of dots", strings.Repeat(".", 4<<20), "longer than 8192"},
		{"JSON form", `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`, "three parts"},
		{"header is empty", "." + parts[1] + "." + parts[2], "header"},
		{"claims are empty", parts[0] + ".." + parts[2], "claims"},
		{"padding", parts[0] + "." + parts[1] + "." + parts[2] + "=", "base64url"},
		{"ordinary base64", parts[0] + "." + parts[1] + ".+/+/" + parts[2][4:], "base64url"},
		{"line break in the signature", parts[0] + "." + parts[1] + "." + parts[2][:9] + "\n" + parts[2][9:], "base64url"},
		{"line break in the header", parts[0] + "\r\n." + parts[1] + "." + parts[2], "base64url"},
		{"space before", " " + fine, "base64url"},
		{"bearer before", "Bearer " + fine, "base64url"},
		{"stray bits", stray, "base64url"},
		{"zero byte after", fine + "\x00", "base64url"},

		// Signatures.
		{"no signature", parts[0] + "." + parts[1] + ".", "no signature"},
		{"signature of other claims", parts[0] + "." + b64(strings.Replace(good, "ada", "mallory", 1)) + "." + parts[2], "signature"},
		{"signature of another header", b64(`{"alg":"HS256","typ":"JWT"}`) + "." + parts[1] + "." + parts[2], "signature"},
		{"half a signature", parts[0] + "." + parts[1] + "." + b64(half), "signature"},
		{"signature and more", parts[0] + "." + parts[1] + "." + parts[2] + "AAAA", "signature"},
		{"another secret", hsSigned(`{"alg":"HS256"}`, good, []byte("mallory")), "signature"},
		{"empty secret", hsSigned(`{"alg":"HS256"}`, good, nil), "signature"},
		{"secret and a line break", hsSigned(`{"alg":"HS256"}`, good, []byte(secret+"\n")), "signature"},
		{"another RSA key", mint(rs256, rsaTwo(), `{"alg":"RS256","kid":"r"}`, of(rsIss)), "signature"},
		{"another EC key", mint(es256, ecOther(), `{"alg":"ES256","kid":"e"}`, of(esIss)), "signature"},
		{"zeros for ECDSA (CVE-2022-21449)", es[0] + "." + es[1] + "." + b64(make([]byte, 64)), "signature"},
		{"ECDSA in ASN.1", es[0] + "." + es[1] + "." + b64(asASN1), "signature"},
		{"key of another issuer", mint(rs256, rsaOne(), `{"alg":"RS256","kid":"r"}`, of(esIss)), "algorithm"},

		// Algorithms.
		{"none", unsigned(`{"alg":"none"}`), "no signature"},
		{"none with a signature", hsHeader(`{"alg":"none"}`), "algorithm"},
		{"None", hsHeader(`{"alg":"None"}`), "algorithm"},
		{"NONE", hsHeader(`{"alg":"NONE"}`), "algorithm"},
		{"nOnE", hsHeader(`{"alg":"nOnE"}`), "algorithm"},
		{"hs256", hsHeader(`{"alg":"hs256"}`), "algorithm"},
		{"HS256 and a space", hsHeader(`{"alg":"HS256 "}`), "algorithm"},
		{"no algorithm", hsHeader(`{"typ":"JWT"}`), "how it is signed"},
		{"empty algorithm", hsHeader(`{"alg":""}`), "how it is signed"},
		{"algorithm is null", hsHeader(`{"alg":null}`), "how it is signed"},
		{"algorithm is a list", hsHeader(`{"alg":["HS256"]}`), "how it is signed"},
		{"HS384 with the secret", mint(jwt.SigningMethodHS384, []byte(secret), `{"alg":"HS384"}`, good), "algorithm"},
		{"RS512 with the key", mint(jwt.SigningMethodRS512, rsaOne(), `{"alg":"RS512","kid":"r"}`, of(rsIss)), "algorithm"},
		{"PS256 with the key", mint(jwt.SigningMethodPS256, rsaOne(), `{"alg":"PS256","kid":"r"}`, of(rsIss)), "algorithm"},
		{"public key in PEM as secret", hsSigned(`{"alg":"HS256","kid":"r"}`, of(rsIss), pemKey), "algorithm"},
		{"the same, called RS256", hsSigned(`{"alg":"RS256","kid":"r"}`, of(rsIss), pemKey), "signature"},
		{"public key in DER as secret", hsSigned(`{"alg":"HS256","kid":"r"}`, of(rsIss), der), "algorithm"},
		{"modulus as secret", hsSigned(`{"alg":"HS256","kid":"r"}`, of(rsIss), rsaOne().N.Bytes()), "algorithm"},
		{"two algorithms", hsHeader(`{"alg":"none","alg":"HS256"}`), "used once"},
		{"algorithms but for case", hsHeader(`{"alg":"HS256","ALG":"none"}`), "case"},
		{"algorithm in another case", hsHeader(`{"Alg":"HS256"}`), "case"},

		// Headers.
		{"jwk", rs(`{"alg":"RS256","kid":"r","jwk":` + jwk("r", rsaOne().Public(), "") + `}`), "key of its own"},
		{"jku", rs(`{"alg":"RS256","kid":"r","jku":"https://mallory.example/keys"}`), "key of its own"},
		{"x5u", rs(`{"alg":"RS256","kid":"r","x5u":"https://mallory.example/cert"}`), "key of its own"},
		{"x5c", rs(`{"alg":"RS256","kid":"r","x5c":["mallory"]}`), "key of its own"},
		{"jwk is null", rs(`{"alg":"RS256","kid":"r","jwk":null}`), "key of its own"},
		{"JKU", rs(`{"alg":"RS256","kid":"r","JKU":"https://mallory.example/keys"}`), "case"},
		{"jku with a Kelvin sign", rs(`{"alg":"RS256","kid":"r","j\u212Au":"https://mallory.example/keys"}`), "case"},
		{"crit", hsHeader(`{"alg":"HS256","crit":["exp"],"exp":1}`), "crit"},
		{"crit, empty", hsHeader(`{"alg":"HS256","crit":[]}`), "crit"},
		{"unencoded claims (RFC 7797)", hsHeader(`{"alg":"HS256","b64":false,"crit":["b64"]}`), "crit"},
		{"typ of another kind", hsHeader(`{"alg":"HS256","typ":"logout+jwt"}`), "type"},
		{"typ is no string", hsHeader(`{"alg":"HS256","typ":1}`), "type"},
		{"typ is empty", hsHeader(`{"alg":"HS256","typ":""}`), "type"},
		{"header is a list", hsHeader(`["HS256"]`), "header"},
		{"header with a tail", hsHeader(`{"alg":"HS256"}{"alg":"none"}`), "header"},
		{"header in UTF-16", hsHeader("{\x00\"\x00}\x00"), "header"},
		{"header with a byte order mark", hsHeader("\xef\xbb\xbf{\"alg\":\"HS256\"}"), "header"},
		{"header too deep", hsHeader(`{"alg":"HS256","a":` + strings.Repeat("[", 16) + strings.Repeat("]", 16) + `}`), "depth"},

		// Key ids.
		{"kid is a path", rs(`{"alg":"RS256","kid":"../../dev/null"}`), "(kid)"},
		{"kid is a path, signed with nothing", hsSigned(`{"alg":"HS256","kid":"/dev/null"}`, of(rsIss), nil), "algorithm"},
		{"kid is a URL", rs(`{"alg":"RS256","kid":"https://mallory.example/keys"}`), "(kid)"},
		{"kid is SQL", rs(`{"alg":"RS256","kid":"x' UNION SELECT 'mallory'--"}`), "(kid)"},
		{"kid is a command", rs(`{"alg":"RS256","kid":"r; sleep 10 | mallory"}`), "(kid)"},
		{"kid of 10 kB", rs(`{"alg":"RS256","kid":"` + strings.Repeat("r", 10_000) + `"}`), "longer than"},
		{"kid of 257 bytes", rs(`{"alg":"RS256","kid":"` + strings.Repeat("r", 257) + `"}`), "key id"},
		{"kid is empty", rs(`{"alg":"RS256","kid":""}`), "key id"},
		{"kid is no string", rs(`{"alg":"RS256","kid":{"r":1}}`), "key id"},
		{"kid in another case", rs(`{"alg":"RS256","kid":"R"}`), "(kid)"},
		{"kid and a zero byte", rs(`{"alg":"RS256","kid":"r\u0000"}`), "(kid)"},
		{"kid of another family", rs(`{"alg":"RS256","kid":"e"}`), "(kid)"},
		{"two kids", rs(`{"alg":"RS256","kid":"x","kid":"r"}`), "used once"},

		// Claims as JSON.
		{"two subjects", hs(claims(`"sub":"mallory"`)), "used once"},
		{"two subjects, one escaped", hs(claims(`"s\u0075b":"mallory"`)), "used once"},
		{"subjects but for case", hs(claims(`"SUB":"mallory"`)), "case"},
		{"subjects but for case, first", hs(`{"Sub":"mallory",` + good[1:]), "case"},
		{"subject with a long s", hs(claims(`"\u017Fub":"mallory"`)), "case"},
		{"subject in another case only", with(`"sub"`, `"Sub"`), "case"},
		{"expiry in another case too", hs(claims(`"EXP":9000000000`)), "case"},
		{"nbf in another case only", hs(claims(`"NBF":9000000000`)), "case"},
		{"other claims but for case", hs(claims(`"role":"a","Role":"mallory"`)), "case"},
		{"duplicate deep inside", hs(claims(`"a":{"b":[{"c":1,"c":2}]}`)), "used once"},
		{"claims are a list", hs("[" + good + "]"), "claims"},
		{"claims with a tail", hs(good + good), "claims"},
		{"claims are not JSON", hs("mallory"), "claims"},
		{"claims are a token", hs(fine), "claims"},
		{"invalid UTF-8", hs(claims("\"a\":\"\xff\"")), "UTF-8"},
		{"half a surrogate pair", hs(claims(`"a":"\ud800"`)), "UTF-8"},
		{"unsafe number", hs(claims(`"n":9007199254740993`)), "safe numbers"},
		{"infinite number", hs(claims(`"n":1e999`)), "safe numbers"},
		{"__proto__", hs(claims(`"__proto__":{"sub":"mallory"}`)), "claims"},
		{"depth 17", hs(claims(`"a":` + strings.Repeat("[", 16) + strings.Repeat("]", 16))), "depth"},
		{"brackets only", hs(strings.Repeat("[", 6000)), "claims"},

		// Issuers and audiences.
		{"no issuer", with(`"iss":"https://id.example",`, ``), "issuer"},
		{"another issuer", with(iss, "https://mallory.example"), "issuer"},
		{"issuer and a slash", with(iss, iss+"/"), "issuer"},
		{"issuer in another case", with(iss, "https://ID.example"), "issuer"},
		{"issuer is a list", with(`"https://id.example"`, `["https://id.example"]`), "issuer"},
		{"issuer is null", with(`"https://id.example"`, `null`), "issuer"},
		{"issuer is empty", with(iss, ""), "issuer"},
		{"no audience", with(`"aud":"syncline",`, ``), "(aud)"},
		{"another audience", with("syncline", "mallory"), "(aud)"},
		{"audience in another case", with("syncline", "Syncline"), "(aud)"},
		{"audience begins the same", with("syncline", "syncline.mallory"), "(aud)"},
		{"audiences, none of them ours", with(`"syncline"`, `["a","mallory"]`), "(aud)"},
		{"audiences, empty", with(`"syncline"`, `[]`), "(aud)"},
		{"audiences, one not a string", with(`"syncline"`, `["syncline",1]`), "(aud)"},
		{"audience is an object", with(`"syncline"`, `{"syncline":true}`), "(aud)"},
		{"audience is a list of lists", with(`"syncline"`, `[["syncline"]]`), "(aud)"},

		// Times.
		{"no expiry", with(`,"exp":1700000600`, ``), "(exp"},
		{"expired", with("1700000600", "1600000000"), "expired"},
		{"expiry is zero", with("1700000600", "0"), "expired"},
		{"expiry is negative", with("1700000600", "-1"), "(exp"},
		{"expiry is null", with("1700000600", "null"), "(exp"},
		{"expiry is a string", with("1700000600", `"1800000000"`), "(exp"},
		{"expiry is true", with("1700000600", `true`), "(exp"},
		{"expiry in milliseconds", with("1700000600", "1700000600000"), "(exp"},
		{"expiry is endless", with("1700000600", "9007199254740991"), "(exp"},
		{"not valid yet", hs(claims(`"nbf":1700000100`)), "(nbf)"},
		{"nbf is a string", hs(claims(`"nbf":"1"`)), "nbf"},
		{"nbf is null", hs(claims(`"nbf":null`)), "nbf"},
		{"issued tomorrow", hs(claims(`"iat":1700086400`)), "(iat)"},
		{"iat is a list", hs(claims(`"iat":[1]`)), "iat"},

		// Users and ids.
		{"no user", with(`"sub":"ada",`, ``), "no user"},
		{"user is empty", with("ada", ""), "no user"},
		{"user is a number", with(`"ada"`, "1"), "no user"},
		{"user is null", with(`"ada"`, "null"), "no user"},
		{"user is a list", with(`"ada"`, `["ada"]`), "no user"},
		{"user of 257 bytes", with("ada", strings.Repeat("a", 257)), "no user"},
		{"user with a line break", with("ada", `ada\nmallory`), "no user"},
		{"user with a zero byte", with("ada", `ada\u0000`), "no user"},
		{"user with a C1 control", with("ada", `ada\u0085`), "no user"},
		{"id is a number", hs(claims(`"jti":1`)), "token's id"},
		{"id of 257 bytes", hs(claims(`"jti":"` + strings.Repeat("a", 257) + `"`)), "token's id"},
		{"id with an escape", hs(claims(`"jti":"\u001b[2J"`)), "token's id"},
	} {
		t.Run(c.name, func(t *testing.T) {
			claims, err := v.Verify(t.Context(), c.token)
			if err == nil {
				t.Fatalf("accepted for %q", claims.User)
			}
			if claims.User != "" || claims.All != nil {
				t.Errorf("refused, and yet it returns %v", claims)
			}
			m := refused(t, err)
			if !strings.Contains(m, c.why) {
				t.Errorf("refused with %q, not because of %q", m, c.why)
			}
			if strings.Contains(m, "mallory") || len(m) > 200 {
				t.Errorf("the message repeats the token: %q", m)
			}
		})
	}
	for _, u := range keySet.asked {
		if u != rsIss.JWKS && u != esIss.JWKS {
			t.Errorf("a token had %s fetched", u)
		}
	}
	// One at the start and one for the first unknown key id, for each of the two.
	if n := keySet.requests(); n > 4 {
		t.Errorf("the tokens set off %d requests", n)
	}
}
