package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

// sign returns the value of the header webhook-signature: one signature for each key.
func sign(keys [][]byte, id string, at time.Time, body []byte) string {
	all := make([]string, len(keys))
	for i, key := range keys {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "."))
		h.Write(body)
		all[i] = "v1," + base64.StdEncoding.EncodeToString(h.Sum(nil))
	}
	return strings.Join(all, " ")
}

// Tolerance is how far the time of a request may be from a receiver's clock.
const Tolerance = 5 * time.Minute

// Verify reports whether a request was signed with a secret, and lately: id,
// timestamp and signature are the values of its headers webhook-id,
// webhook-timestamp and webhook-signature. It is for receivers written in Go.
func Verify(secret, id, timestamp, signature string, body []byte, now time.Time) bool {
	key, err := parseSecret(secret)
	if err != nil || id == "" {
		return false
	}
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || strconv.FormatInt(seconds, 10) != timestamp {
		return false
	}
	at := time.Unix(seconds, 0)
	if at.Before(now.Add(-Tolerance)) || at.After(now.Add(Tolerance)) {
		return false
	}
	want := []byte(sign([][]byte{key}, id, at, body))
	for one := range strings.SplitSeq(signature, " ") {
		if hmac.Equal([]byte(one), want) {
			return true
		}
	}
	return false
}
