// Package wire is the native protocol: its messages and their strict codec.
// docs/PROTOCOL.md is its prose. How messages travel is package transport's
// business, what they cause is package host's.
//
// Decoding what a client sends is strict (DecodeClient), decoding what a server
// sends lets unknown names pass (DecodeServer): so the protocol can grow.
package wire

// Version is the version of the protocol that this package speaks.
//
// History:
//
//	1  2026-11  the first
const Version = 1

// Subprotocol is the WebSocket subprotocol.
const Subprotocol = "syncline.v1"
