// Package webhook sends signed requests to endpoints that the operator of a
// server has configured, and to nothing else: no redirect is followed, no proxy is
// used, and an address is looked at after its name was resolved and before
// anything is sent to it, so that no name can be made to point inward.
//
// Signatures follow Standard Webhooks 1.0: HMAC-SHA256 over id, time and body.
// What is in a body, when something is sent again, and what an answer means is the
// business of packages outbox and consent.
//
// Nothing that this package returns holds a secret or a URL, which may hold one.
package webhook
