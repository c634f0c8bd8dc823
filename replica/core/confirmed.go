package core

import (
	"encoding/binary"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
)

// appendConfirmed is the stored form of a confirmed entry: the server's version,
// then the record.
func appendConfirmed(version space.Seq, record []byte) []byte {
	b := make([]byte, 0, len(record)+6)
	return append(binary.AppendUvarint(b, uint64(version)), record...)
}

func decodeConfirmed(key space.Key, payload []byte) (space.Seq, jsontext.Value, error) {
	version, n := binary.Uvarint(payload)
	if n <= 0 || version == 0 || n == len(payload) {
		return 0, nil, fmt.Errorf("entry %s: %w", key, store.ErrCorrupt)
	}
	return space.Seq(version), payload[n:], nil
}

func getConfirmed(view store.View, key space.Key) (live bool, version space.Seq, record jsontext.Value, err error) {
	v, err := view.Get(key)
	if err != nil || !v.Live() {
		return false, 0, nil, err
	}
	version, record, err = decodeConfirmed(key, v.Payload)
	return err == nil, version, record, err
}
