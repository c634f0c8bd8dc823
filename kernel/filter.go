package kernel

// A Filter is what somebody may see of a space, as of some time. It is immutable.
type Filter interface {
	// ID is short, and equal for filters that allow the same of the collections that they were made for.
	ID() string
	// Allows reports whether an entry may be seen.
	Allows(collection string, doc map[string]any) bool
}

// Within returns the view cut down to what the filter allows; nil allows everything.
func (v *View) Within(f Filter) *View {
	cut := *v
	cut.filter, cut.class = f, v.id
	if f != nil {
		cut.class += " " + f.ID()
	}
	return &cut
}

// Filter is what Within was called with.
func (v *View) Filter() Filter { return v.filter }

// Class is equal for views that hold the same, whoever asked for them.
func (v *View) Class() string { return v.class }
