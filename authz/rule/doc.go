// Package rule compiles and evaluates access rules: expressions of CEL
// (https://cel.dev) that yield true or false. A rule that fails, or costs too
// much, denies.
//
// A read rule is also split into an index, so that a commit finds the sessions
// that it concerns by key instead of asking the rule for each: see [Read].
//
// What rules there are, whom they are asked for and what follows from the
// answers is the business of package authz. Nothing here reads a store: what a
// rule looks up it is handed.
package rule
