package authz

import "github.com/syncline/syncline/authz/rule"

// A standing is what the rules say of a principal in a space before they look at any entry. It
// holds until a relation of the user changes, and is kept until then: most sessions write more than once. It is used
// by the goroutine that uses the relations.
type standing struct {
	rules   *Rules
	related func(string) rule.Set
	open    bool
	scopes  map[spokenName]*Scope // what was asked for
}

// spokenName is a collection at the version that a client speaks.
type spokenName struct {
	collection string
	version    uint32
}

// maxStandings bounds how many are kept for a space; of more, some are found out again each time.
const maxStandings = 128

// standing returns that of a principal, as of now.
func (r *Relations) standing(of Rights) *standing {
	user := of.session.user
	if r == nil {
		return newStanding(of, nil)
	}
	for r.base != nil && !r.speaks(user) {
		r = r.base
	}
	if s := r.standings[of.session]; s != nil && s.rules == of.rules {
		return s
	}
	s := newStanding(of, r.related(user))
	if r.standings == nil {
		r.standings = map[*Session]*standing{}
	}
	for other := range r.standings {
		if len(r.standings) < maxStandings {
			break
		}
		delete(r.standings, other)
	}
	r.standings[of.session] = s
	return s
}

func newStanding(of Rights, related func(string) rule.Set) *standing {
	return &standing{rules: of.rules, related: related, open: of.open(related)}
}

// sight is what the principal may see of a collection, as a client of the rights' versions is shown it.
func (s *standing) sight(of Rights, collection string) *Scope {
	at := spokenName{collection, of.version(collection)}
	scope := s.scopes[at]
	if scope == nil {
		scope = of.scope([]string{collection}, s.open, s.related)
		if s.rules.collection(collection) == nil {
			return scope // the names of what there is not are without end
		}
		if s.scopes == nil {
			s.scopes = map[spokenName]*Scope{}
		}
		s.scopes[at] = scope
	}
	return scope
}

// speaks reports whether a fork has something else to say of a user than what it was forked from.
func (r *Relations) speaks(user string) bool {
	for _, of := range r.held {
		if of[user] != nil {
			return true
		}
	}
	return false
}

// forget drops the standings of a user whose relations change.
func (r *Relations) forget(user string) {
	for session := range r.standings {
		if session.user == user {
			delete(r.standings, session)
		}
	}
}

// Open reports whether the principal may open the space at all, as of what the relations hold now.
func (r Rights) Open(now *Relations) bool {
	if r.Unlimited() {
		return true
	}
	return now.standing(r).open
}
