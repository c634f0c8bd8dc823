package cli

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"io/fs"
	"net/http"
	"path"
	"time"
)

// contentTypes are those of the demo's files: the system's table may be another.
var contentTypes = map[string]string{
	".html":  "text/html; charset=utf-8",
	".js":    "text/javascript; charset=utf-8",
	".css":   "text/css; charset=utf-8",
	".json":  "application/json",
	".svg":   "image/svg+xml",
	".png":   "image/png",
	".woff2": "font/woff2",
	".map":   "application/json",
}

// contentPolicy lets pages load from and talk to their own server only, WebSockets
// included, and run nothing inline.
const contentPolicy = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

type page struct {
	contentType, etag string
	data              []byte
}

// newPages serves the files of a file system: /cities is cities.html, / is
// index.html. There is nothing else: no listing, no other name.
func newPages(files fs.FS) (http.Handler, error) {
	pages := map[string]page{}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(data)
		p := page{contentTypes[path.Ext(name)], `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`, data}
		if p.contentType == "" {
			p.contentType = "application/octet-stream"
		}
		pages["/"+name] = p
		if base := name[:len(name)-len(path.Ext(name))]; path.Ext(name) == ".html" && base != "index" {
			pages["/"+base] = p
		}
		return nil
	})
	if index, ok := pages["/index.html"]; ok {
		pages["/"] = index
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("Referrer-Policy", "no-referrer")
		p, ok := pages[r.URL.Path]
		switch {
		case !ok:
			http.Error(w, "there is no such page; see /, /cities and /access", http.StatusNotFound)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "pages can only be read", http.StatusMethodNotAllowed)
		default:
			h.Set("Content-Type", p.contentType)
			h.Set("Cache-Control", "no-cache") // ask each time; the ETag makes that cheap
			h.Set("ETag", p.etag)
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(p.data))
		}
	}), err
}
