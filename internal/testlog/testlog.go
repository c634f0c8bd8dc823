// Package testlog is a log that a test can read while somebody writes to it.
package testlog

import (
	"strings"
	"sync"
)

// A Log keeps what is written to it. Its zero value is empty. Any goroutine may use it.
type Log struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements io.Writer.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String is what was written so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
