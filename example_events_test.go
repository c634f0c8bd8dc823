package syncline_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/syncline/syncline"
)

// A program keeps an index of its own up to date, across restarts.
func ExampleServer_Events() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "events")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for _, title := range []string{"Write", "Test"} {
		server, err := syncline.Open(ctx, syncline.Options{Dir: dir})
		if err != nil {
			log.Fatal(err)
		}
		write(server, "team/alpha", "cards/c1", `{"title":"`+title+`"}`)
		for event, err := range server.Events(ctx, "team/alpha", "search-index") {
			if err != nil {
				log.Fatal(err)
			}
			for _, c := range event.Changes {
				fmt.Println(event.Seq, c.Op, c.Collection, c.ID, string(c.New))
			}
			// Going on to the next event would do it; this loop waits for no other.
			if err := event.Ack(); err != nil {
				log.Fatal(err)
			}
			break
		}
		if err := server.Close(ctx); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// 1 create cards c1 {"title":"Write"}
	// 2 update cards c1 {"title":"Test"}
}

func write(server *syncline.Server, space, entry, record string) {
	r := httptest.NewRequest(http.MethodPut, "http://127.0.0.1/v1/spaces/"+space+"/-/"+entry, strings.NewReader(record))
	w := httptest.NewRecorder()
	server.Handler().ServeHTTP(w, r)
	if w.Code >= 300 {
		log.Fatal(w.Code, w.Body)
	}
}
