package webhook

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func client(t *testing.T, e Endpoint) *Client {
	t.Helper()
	if e.Secrets == nil {
		e.Secrets = []string{secret}
	}
	c, err := New(e)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// TestSigned: a receiver can verify what it gets, with each of two secrets.
func TestSigned(t *testing.T) {
	other := "whsec_" + strings.Repeat("QUJD", 10)
	body := []byte(`{"a":1}`)
	seen := make(chan bool, 4)
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got, _ := io.ReadAll(r.Body)
		h := r.Header
		id, at, sig := h.Get("webhook-id"), h.Get("webhook-timestamp"), h.Get("webhook-signature")
		for _, s := range []string{secret, other} {
			seen <- Verify(s, id, at, sig, got, time.Now())
		}
		seen <- Verify("whsec_"+strings.Repeat("QUJE", 10), id, at, sig, got, time.Now())
		seen <- Verify(secret, id, at, sig, append(got, ' '), time.Now())
		w.WriteHeader(http.StatusAccepted)
	})
	c := client(t, Endpoint{URL: url, Secrets: []string{secret, other}, Private: true})
	if a, err := c.Send(t.Context(), "msg_1", body); err != nil || !a.OK() {
		t.Fatal(a, err)
	}
	for i, want := range []bool{true, true, false, false} {
		if got := <-seen; got != want {
			t.Errorf("%d: %t", i, got)
		}
	}
}

// TestVector is one of Standard Webhooks' own: whoever follows it can verify us.
func TestVector(t *testing.T) {
	const (
		key  = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
		want = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
		body = `{"test": 2432232314}`
	)
	k, err := parseSecret(key)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1614265330, 0)
	if got := sign([][]byte{k}, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, []byte(body)); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for now, valid := range map[time.Time]bool{at.Add(Tolerance): true, at.Add(Tolerance + time.Second): false, at.Add(-Tolerance - time.Second): false} {
		if got := Verify(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", "v2,x "+want, []byte(body), now); got != valid {
			t.Errorf("at %s: %t", now, got)
		}
	}
}

// TestNoRedirect: nobody is sent elsewhere, least of all inward.
func TestNoRedirect(t *testing.T) {
	var elsewhere atomic.Int64
	inner := serve(t, func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) })
	for _, status := range []int{301, 302, 303, 307, 308} {
		url := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, inner+"/admin", status) })
		a, err := client(t, Endpoint{URL: url, Private: true}).Send(t.Context(), "msg_1", []byte("{}"))
		if err != nil || a.Status != status || a.OK() {
			t.Errorf("%d: %+v %v", status, a, err)
		}
	}
	if elsewhere.Load() != 0 {
		t.Error("a redirect was followed")
	}
}

// TestAnswers bounds and reads them.
func TestAnswers(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.Header.Get("webhook-id") {
		case "large":
			_, _ = w.Write(make([]byte, 10<<20))
		case "headers":
			w.Header().Set("x", strings.Repeat("y", 1<<20))
		case "later":
			w.Header().Set("Retry-After", "17")
			w.WriteHeader(http.StatusTooManyRequests)
		case "hang":
			<-r.Context().Done()
		default:
			_, _ = io.WriteString(w, "{}")
		}
	})
	c := client(t, Endpoint{URL: url, Private: true, Timeout: 300 * time.Millisecond})
	if a, err := c.Send(t.Context(), "large", nil); err != nil || a.Body != nil {
		t.Errorf("%d bytes, %v", len(a.Body), err)
	}
	if _, err := c.Send(t.Context(), "headers", nil); err == nil {
		t.Error("a megabyte of headers is taken")
	}
	if a, err := c.Send(t.Context(), "later", nil); err != nil || a.RetryAfter != 17*time.Second || a.OK() {
		t.Errorf("%+v %v", a, err)
	}
	if _, err := c.Send(t.Context(), "hang", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if a, err := c.Send(t.Context(), "ok", nil); err != nil || string(a.Body) != "{}" {
		t.Errorf("%+v %v", a, err)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "0": 0, "90": 90 * time.Second, "-1": 0, "1e9": 0, "99999999999999999999": 0, "x": 0,
		now.Add(time.Hour).Format(http.TimeFormat): time.Hour, now.Add(-time.Hour).Format(http.TimeFormat): 0,
	} {
		if got := retryAfter(text, now); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

// TestTLSVerified: a certificate that nobody vouches for is refused.
func TestTLSVerified(t *testing.T) {
	var asked atomic.Int64
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer s.Close()
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	_, err := client(t, Endpoint{URL: s.URL, Private: true}).Send(t.Context(), "msg_1", nil)
	if err == nil || asked.Load() != 0 || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("%v, asked %d times", err, asked.Load())
	}
}

// TestParallel: no more requests are under way than the endpoint allows.
func TestParallel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Client{to: &parsed{}, slot: make(chan struct{}, 1)}
		c.slot <- struct{}{}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { _, err := c.Send(ctx, "msg_1", nil); done <- err }()
		synctest.Wait()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// TestPlain: what comes from outside cannot forge a line of a log, or hide one.
func TestPlain(t *testing.T) {
	for in, want := range map[string]string{
		"fine": "fine", "a\r\nlevel=ERROR msg=forged": "a  level=ERROR msg=forged", "\x1b[2Jgone": "[2Jgone", "\u202egnp.exe": "gnp.exe",
		"\x00\xff\xfe": "", "Größe 日本": "Größe 日本", "a\u2028b": "a b",
	} {
		if got := Plain(in, 100); got != want {
			t.Errorf("%s: %q, want %q", strconv.Quote(in), got, want)
		}
	}
	if got := Plain(strings.Repeat("é", 500), 101); len(got) > 110 || strings.Contains(got, "\ufffd") {
		t.Errorf("%q", got)
	}
}
