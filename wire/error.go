package wire

import "github.com/syncline/syncline/space"

// The codes of Error. Class tells what a client does about each.
const (
	CodeMalformed          = "malformed"
	CodeMessageTooLarge    = "message_too_large"
	CodeTooDeep            = "too_deep"
	CodeUnsupportedVersion = "unsupported_version"
	CodeUnauthorized       = "unauthorized"
	CodeForbidden          = "forbidden"
	CodeBadName            = "bad_name"
	CodeBadView            = "bad_view"
	CodeBadCursor          = "bad_cursor"
	CodeNotOpen            = "not_open"
	CodeNoClient           = "no_client"
	CodeClientMismatch     = "client_mismatch"
	CodeClientForked       = "client_forked"
	CodeDisplaced          = "displaced"
	CodeMutationGap        = "mutation_gap"
	CodeTooMany            = "too_many"
	CodeRateLimited        = "rate_limited"
	CodeOverloaded         = "overloaded"
	CodeShuttingDown       = "shutting_down"
	CodeUnknownSession     = "unknown_session"
	CodeUnavailable        = "unavailable"
	CodeInternal           = "internal"

	// CodeUpgradeRequired says that the client speaks a version of a collection that is no longer spoken,
	// CodeServerOutdated that it speaks one that the server does not know yet.
	CodeUpgradeRequired = "upgrade_required"
	CodeServerOutdated  = "server_outdated"
)

// A Class says what a client does about an error.
type Class string

// The classes.
const (
	Stop  Class = "stop"  // sending the same again brings the same
	Retry Class = "retry" // the same may be accepted later
	Ask   Class = "ask"   // the user or the app must do something first
)

// ClassOf returns the class of a code; codes it does not know stop.
func ClassOf(code string) Class {
	switch code {
	case CodeMutationGap, CodeRateLimited, CodeOverloaded, CodeShuttingDown, CodeUnknownSession, CodeUnavailable, CodeInternal, CodeServerOutdated:
		return Retry
	case CodeUnauthorized, CodeForbidden, CodeUpgradeRequired:
		return Ask
	default:
		return Stop
	}
}

// An Error is a refusal, as it is sent and as Go code passes it on.
type Error struct {
	T        string           `json:"t"`
	Code     string           `json:"code"`
	Message  string           `json:"message"`
	Space    string           `json:"space,omitzero"`
	Limit    string           `json:"limit,omitzero"`    // the name of the limit that was passed
	Expected space.MutationID `json:"expected,omitzero"` // the next id that will be taken
	Versions []int            `json:"versions,omitzero"` // those that the server speaks: of the protocol, or, from the oldest to the present one, of the collection In
	In       string           `json:"in,omitzero"`       // the collection of which Versions are
	RetryMS  int              `json:"retryMs,omitzero"`
	Fatal    bool             `json:"fatal,omitzero"` // the session ends
}

func (e *Error) Error() string {
	if e.Space != "" {
		return e.Code + ": space " + e.Space + ": " + e.Message
	}
	return e.Code + ": " + e.Message
}
