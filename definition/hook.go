package definition

// A Hook says which changes somebody outside is told of, or asked about. Where
// that somebody is, is not for a definition to say: an endpoint is configured by
// the operator of the server.
type Hook struct {
	// To is the name of an endpoint.
	To string `json:"to"`
	// Collections are those whose changes count, at least one.
	Collections []string `json:"collections"`
	// When is a rule over old, new, changed, op, now and space; "" is always.
	When string `json:"when,omitzero"`
}
