// Package mutator carries out mutations by call: functions of the application's
// own that run on the authority's state, and optimistically in a replica. It has
// the registry (Set), what a function sees (Tx), and the Runner that bounds it in
// time and turns what goes wrong into a kernel.Fault.
//
// A mutator is deterministic: what it does follows from the entries that it reads,
// its arguments, the caller and the time that it is handed. Random and ID are
// seeded from the mutation, so that a replica and the authority draw the same.
//
// What does not belong here: who may call what (authz), what a write must fit
// (kernel, authz), JavaScript (mutator/script).
package mutator
