package space

// RecentMutations is how many of a client's last mutations have an outcome that
// the server can still tell apart, applied or rejected, however far the log has
// been trimmed. No client may have more than that under way.
const RecentMutations = 1024

// Rejections are the ids of a client's rejected mutations among its last
// RecentMutations, packed: the first id and then the distances, as varints. The
// zero value holds none. It is a string so that states can be compared.
type Rejections string

// All yields the ids, ascending.
func (r Rejections) All(yield func(MutationID) bool) {
	d := decoder{rest: []byte(r)}
	id := MutationID(0)
	for len(d.rest) > 0 {
		id += MutationID(d.uint())
		if d.err != nil || !yield(id) {
			return
		}
	}
}

// Has reports whether id is among them.
func (r Rejections) Has(id MutationID) bool {
	for one := range r.All {
		if one == id {
			return true
		}
	}
	return false
}

// Next returns what there is to remember once the mutation last has been dealt
// with.
func (r Rejections) Next(last MutationID, rejected bool) Rejections {
	if r == "" && !rejected {
		return r
	}
	var b []byte
	previous := MutationID(0)
	add := func(id MutationID) {
		if id+RecentMutations > last {
			b = appendUint(b, uint64(id-previous))
			previous = id
		}
	}
	for id := range r.All {
		if id < last {
			add(id)
		}
	}
	if rejected {
		add(last)
	}
	return Rejections(b)
}

// malformed reports whether r is nothing that Next makes.
func (r Rejections) malformed() bool {
	d := decoder{rest: []byte(r)}
	for len(d.rest) > 0 {
		if d.uint() == 0 {
			return true
		}
	}
	return d.err != nil
}
