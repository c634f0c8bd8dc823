package boltstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"os"

	"github.com/syncline/syncline/store"
)

// checkFile walks the pages of a bbolt file and returns an error, an ErrCorrupt,
// for any that bbolt would trip over: out of the file, of the wrong kind, their
// elements out of the page or out of order, pages that are reached twice. bbolt
// itself panics, in a goroutine where nobody can recover. A file that does not
// exist or is empty is sound. It does not look into values.
//
// The format is that of go.etcd.io/bbolt/internal/common, stable since 2013:
// integers in the machine's byte order, which is little-endian on every platform
// that Syncline supports.
func checkFile(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	w := pageWalker{file: f, size: info.Size(), seen: make(map[uint64]bool)}
	if err := w.metas(); err != nil {
		return err
	}
	return w.bucket(w.root, 0)
}

const (
	pageHeader  = 16
	branchFlag  = 0x01
	leafFlag    = 0x02
	metaFlag    = 0x04
	boltMagic   = 0xED0CDAED
	bucketLeaf  = 0x01
	metaBytes   = 64
	elementSize = 16
	maxDepth    = 64
)

type pageWalker struct {
	file     io.ReaderAt
	size     int64
	pageSize int64
	root     uint64
	pages    uint64 // the first page that was never used
	seen     map[uint64]bool
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{store.ErrCorrupt}, args...)...)
}

// metas finds the newest sound meta page, as bbolt does.
func (w *pageWalker) metas() error {
	var newest uint64
	found := false
	for _, size := range []int64{4096, 1024, 2048, 8192, 16384, 32768, 65536} {
		for i := range int64(2) {
			var b [pageHeader + metaBytes]byte
			if _, err := w.file.ReadAt(b[:], i*size); err != nil {
				continue
			}
			m := b[pageHeader:]
			h := fnv.New64a()
			h.Write(m[:56])
			if binary.LittleEndian.Uint32(m) != boltMagic || int64(binary.LittleEndian.Uint32(m[8:])) != size ||
				h.Sum64() != binary.LittleEndian.Uint64(m[56:]) {
				continue
			}
			if txid := binary.LittleEndian.Uint64(m[48:]); !found || txid > newest {
				found, newest, w.pageSize = true, txid, size
				w.root, w.pages = binary.LittleEndian.Uint64(m[16:]), binary.LittleEndian.Uint64(m[40:])
			}
		}
		if found {
			break
		}
	}
	if !found {
		return damaged("neither of the first two pages is sound")
	}
	if w.size < 2*w.pageSize || w.pages > uint64(w.size/w.pageSize) {
		return damaged("the file ends before its last page")
	}
	return nil
}

// page reads a page with its overflow.
func (w *pageWalker) page(id uint64) (flags, count int, data []byte, err error) {
	if id < 2 || id >= w.pages {
		return 0, 0, nil, damaged("page %d is out of the file", id)
	}
	var head [pageHeader]byte
	if _, err := w.file.ReadAt(head[:], int64(id)*w.pageSize); err != nil {
		return 0, 0, nil, damaged("page %d: %v", id, err)
	}
	overflow := uint64(binary.LittleEndian.Uint32(head[12:]))
	if binary.LittleEndian.Uint64(head[:]) != id || id+overflow >= w.pages {
		return 0, 0, nil, damaged("page %d: wrong number or length", id)
	}
	for i := id; i <= id+overflow; i++ {
		if w.seen[i] {
			return 0, 0, nil, damaged("page %d is used twice", i)
		}
		w.seen[i] = true
	}
	data = make([]byte, int64(overflow+1)*w.pageSize)
	if _, err := w.file.ReadAt(data, int64(id)*w.pageSize); err != nil {
		return 0, 0, nil, damaged("page %d: %v", id, err)
	}
	return int(binary.LittleEndian.Uint16(head[8:])), int(binary.LittleEndian.Uint16(head[10:])), data, nil
}

func (w *pageWalker) bucket(root uint64, depth int) error {
	flags, count, data, err := w.page(root)
	if err != nil {
		return err
	}
	return w.tree(root, flags, count, data, nil, nil, depth)
}

// tree checks a page and those below it, whose keys are in [low, high).
func (w *pageWalker) tree(id uint64, flags, count int, data, low, high []byte, depth int) error {
	if depth > maxDepth {
		return damaged("page %d is too deep", id)
	}
	if flags != branchFlag && flags != leafFlag || flags == branchFlag && count == 0 ||
		pageHeader+count*elementSize > len(data) {
		return damaged("page %d: wrong kind or number of elements", id)
	}
	keys := make([][]byte, count)
	for i := range count {
		at := pageHeader + i*elementSize
		e := data[at:]
		pos, ksize, vsize := binary.LittleEndian.Uint32(e), binary.LittleEndian.Uint32(e[4:]), uint32(0)
		if flags == leafFlag {
			pos, ksize, vsize = binary.LittleEndian.Uint32(e[4:]), binary.LittleEndian.Uint32(e[8:]), binary.LittleEndian.Uint32(e[12:])
		}
		begin := uint64(at) + uint64(pos)
		end := begin + uint64(ksize) + uint64(vsize)
		if begin < uint64(pageHeader+count*elementSize) || end > uint64(len(data)) {
			return damaged("page %d: element %d is out of the page", id, i)
		}
		key := data[begin : begin+uint64(ksize)]
		keys[i] = key
		// A branch's first key may be older than what its parent says of it.
		if i > 0 && bytes.Compare(keys[i-1], key) >= 0 || high != nil && bytes.Compare(key, high) >= 0 ||
			flags == leafFlag && low != nil && bytes.Compare(key, low) < 0 {
			return damaged("page %d: element %d is out of order", id, i)
		}
		if flags == leafFlag {
			if kind := binary.LittleEndian.Uint32(e); kind == bucketLeaf {
				if err := w.inner(data[begin+uint64(ksize):end], depth); err != nil {
					return err
				}
			} else if kind != 0 {
				return damaged("page %d: element %d is of no known kind", id, i)
			}
		}
	}
	if flags == leafFlag {
		return nil
	}
	for i := range count {
		child := binary.LittleEndian.Uint64(data[pageHeader+i*elementSize+8:])
		childHigh := high
		if i+1 < count {
			childHigh = keys[i+1]
		}
		childLow := keys[i]
		if i == 0 {
			childLow = low
		}
		childFlags, childCount, childData, err := w.page(child)
		if err != nil {
			return err
		}
		if err := w.tree(child, childFlags, childCount, childData, childLow, childHigh, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// inner checks a bucket within a bucket: a page of its own, or inside the value.
func (w *pageWalker) inner(value []byte, depth int) error {
	if len(value) < 16 {
		return damaged("a bucket of %d bytes", len(value))
	}
	if root := binary.LittleEndian.Uint64(value); root != 0 {
		return w.bucket(root, depth+1)
	}
	data := value[16:]
	if len(data) < pageHeader {
		return damaged("an inline bucket of %d bytes", len(data))
	}
	flags, count := int(binary.LittleEndian.Uint16(data[8:])), int(binary.LittleEndian.Uint16(data[10:]))
	if flags != leafFlag {
		return damaged("an inline bucket that is no leaf")
	}
	return w.tree(0, flags, count, data, nil, nil, depth+1)
}
