package core

// A set is a set whose order depends on nothing but what was done to it, so that
// the same events bring the same frames in the same order. The zero value is
// empty.
type set[T comparable] struct {
	list []T
	at   map[T]int // where in list
}

func (s *set[T]) len() int { return len(s.list) }

func (s *set[T]) has(x T) bool {
	_, ok := s.at[x]
	return ok
}

func (s *set[T]) add(x T) {
	if s.has(x) {
		return
	}
	if s.at == nil {
		s.at = map[T]int{}
	}
	s.at[x] = len(s.list)
	s.list = append(s.list, x)
}

func (s *set[T]) remove(x T) {
	i, ok := s.at[x]
	if !ok {
		return
	}
	last := len(s.list) - 1
	s.list[i] = s.list[last]
	s.at[s.list[i]] = i
	delete(s.at, x)
	var none T
	s.list[last] = none
	s.list = s.list[:last]
}

// all yields the elements; the one just yielded may be removed meanwhile.
func (s *set[T]) all(yield func(T) bool) {
	for i := len(s.list) - 1; i >= 0; i-- {
		if !yield(s.list[i]) {
			return
		}
	}
}

func (s *set[T]) clear() { *s = set[T]{} }
