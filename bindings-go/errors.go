package jackstaff

// Kind says what went wrong, as far as a program can act on it. The words are the same in every language.
type Kind string

// The kinds of an [Error].
const (
	InvalidArgument Kind = "invalid_argument" // an argument or option is not usable; the message says what would be right
	InvalidDocument Kind = "invalid_document" // a flag document does not compile; the message lists every mistake with its place
	NotFound        Kind = "not_found"        // the thing asked for does not exist
	Unauthorized    Kind = "unauthorized"     // the credentials are missing, wrong, or not good for this environment
	Unavailable     Kind = "unavailable"      // the other side could not be reached, or cannot answer now
	InvalidResponse Kind = "invalid_response" // the other side answered something that is not in the contract
	Timeout         Kind = "timeout"          // the deadline passed first
	Closed          Kind = "closed"           // the client was closed
	IO              Kind = "io"               // a file could not be read or written
	Internal        Kind = "internal"         // a mistake in this library
)

// The kinds, in the order of the library's codes; the first is "no error".
var kinds = [...]Kind{"", InvalidArgument, InvalidDocument, NotFound, Unauthorized, Unavailable, InvalidResponse, Timeout, Closed, IO, Internal}

// One error of each kind, for [errors.Is]: errors.Is(err, jackstaff.ErrTimeout).
var (
	ErrInvalidArgument = &Error{Kind: InvalidArgument}
	ErrInvalidDocument = &Error{Kind: InvalidDocument}
	ErrNotFound        = &Error{Kind: NotFound}
	ErrUnauthorized    = &Error{Kind: Unauthorized}
	ErrUnavailable     = &Error{Kind: Unavailable}
	ErrInvalidResponse = &Error{Kind: InvalidResponse}
	ErrTimeout         = &Error{Kind: Timeout}
	ErrClosed          = &Error{Kind: Closed}
	ErrIO              = &Error{Kind: IO}
	ErrInternal        = &Error{Kind: Internal}
)

// Error is every error of this package. A check never returns one.
type Error struct {
	// Kind is what went wrong, to act on.
	Kind Kind
	// Message is what went wrong, to read: it names the value that was wrong and what would be right.
	Message string
	// Cause is what brought it about, where there is such a thing: the error of a context.Context.
	Cause error
}

// Error is the message.
func (e *Error) Error() string {
	if e.Message == "" {
		return "jackstaff: " + string(e.Kind)
	}
	return "jackstaff: " + e.Message
}

// Is says whether target is the error of the same kind: one of this package's Err values.
func (e *Error) Is(target error) bool {
	other, ok := target.(*Error)
	return ok && other.Message == "" && other.Kind == e.Kind
}

// Unwrap is the cause.
func (e *Error) Unwrap() error {
	return e.Cause
}

// Temporary says whether the same call may succeed later without anybody changing anything.
func (e *Error) Temporary() bool {
	return e.Kind == Unavailable || e.Kind == Timeout
}
