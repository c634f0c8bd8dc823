// Package config fills a command's flags from the environment and from a JSON
// file, and remembers where each value came from. There is one mechanism for all
// commands: a flag --allow-origin is also the environment variable
// SYNCLINE_ALLOW_ORIGIN and the member "allow-origin" of the file.
//
// A flag that was given wins over the environment, the environment over the
// file, the file over the flag's default. Whatever the source, the value goes
// through the flag's own parser, so all of them are checked alike.
package config
