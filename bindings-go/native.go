package jackstaff

// Everything that crosses into the library: convert, call, convert. The rules of cgo that matter here: memory of Go's is passed for one call only and nothing of ours
// stays there (texts of an answer are offsets into a buffer of the caller's); what comes back later comes with a number, a cgo.Handle, and not a pointer.
//
// The functions that look neither call back nor keep a pointer, and the compiler is told: its arguments may then stay on the stack.

/*
#include "jackstaff.h"

#cgo noescape jackstaff_look
#cgo nocallback jackstaff_look
#cgo noescape jackstaff_look_at
#cgo nocallback jackstaff_look_at
#cgo noescape jackstaff_look_at_many
#cgo nocallback jackstaff_look_at_many
#cgo noescape jackstaff_look_closely
#cgo nocallback jackstaff_look_closely
#cgo noescape jackstaff_flag
#cgo nocallback jackstaff_flag
#cgo nocallback jackstaff_abi

// In callbacks.go.
extern void jackstaffGoAnswered(uintptr_t data, jackstaff_evaluation *evaluations, size_t count, jackstaff_text texts);
extern void jackstaffGoDone(uintptr_t data, int32_t code, jackstaff_text message);
extern void jackstaffGoChanged(uintptr_t data, jackstaff_change *change);
extern void jackstaffGoReleased(uintptr_t data);
extern void jackstaffGoLogged(uint32_t level, jackstaff_text message, jackstaff_text fields);

// A handle is a number that is no address: Go must never see it in a variable of pointer type.
static void answered(void *data, const jackstaff_evaluation *evaluations, size_t count, jackstaff_text texts)
{
	jackstaffGoAnswered((uintptr_t)data, (jackstaff_evaluation *)evaluations, count, texts);
}

static void done(void *data, jackstaff_code code, jackstaff_text message)
{
	jackstaffGoDone((uintptr_t)data, code, message);
}

static void changed(void *data, const jackstaff_change *change)
{
	jackstaffGoChanged((uintptr_t)data, (jackstaff_change *)change);
}

static void released(void *data)
{
	jackstaffGoReleased((uintptr_t)data);
}

static void logged(void *data, uint32_t level, jackstaff_text message, jackstaff_text fields)
{
	(void)data;
	jackstaffGoLogged(level, message, fields);
}

static jackstaff_code go_answer_later(const jackstaff_client *client, jackstaff_text names, jackstaff_numbers lengths, jackstaff_text user,
	const jackstaff_context *context, uint32_t wanted, int32_t default_value, uintptr_t data)
{
	return jackstaff_answer_later(client, names, lengths, user, context, wanted, default_value, answered, (void *)data);
}

static jackstaff_code go_ready_later(const jackstaff_client *client, double seconds, uintptr_t data)
{
	return jackstaff_ready_later(client, seconds, done, (void *)data);
}

static jackstaff_code go_version_later(const jackstaff_client *client, uint64_t version, double seconds, uintptr_t data)
{
	return jackstaff_wait_for_version_later(client, version, seconds, done, (void *)data);
}

static uint64_t go_listen(const jackstaff_client *client, uintptr_t data, jackstaff_error *error)
{
	return jackstaff_listen(client, changed, released, (void *)data, error);
}

static void go_log(uint32_t level)
{
	jackstaff_log(level, logged, NULL);
}
*/
import "C"

import (
	"runtime"
	"runtime/cgo"
	"strings"
	"time"
	"unsafe"
)

type (
	clientHandle  = *C.jackstaff_client
	contextHandle = *C.jackstaff_context
)

// builtContext is a context in the library's memory; freed when nobody can reach it.
type builtContext struct {
	handle contextHandle
}

const noFlag = uint32(C.JACKSTAFF_NO_FLAG)

// What an empty text points at: a null pointer would say that there is no text.
var nothing byte

// text is a string as it crosses, for the length of the call.
func text(s string) C.jackstaff_text {
	if len(s) == 0 {
		return C.jackstaff_text{data: (*C.uint8_t)(&nothing)}
	}
	return C.jackstaff_text{data: (*C.uint8_t)(unsafe.StringData(s)), len: C.size_t(len(s))}
}

func bytesText(b []byte) C.jackstaff_text {
	return text(unsafe.String(unsafe.SliceData(b), len(b)))
}

func numbers(n []uint32) C.jackstaff_numbers {
	return C.jackstaff_numbers{data: (*C.uint32_t)(unsafe.SliceData(n)), len: C.size_t(len(n))}
}

// user and context of a check: the library looks at the context if there is one.
func (c Context) user() C.jackstaff_text {
	if !c.hasKey {
		return C.jackstaff_text{}
	}
	return text(c.key)
}

func (c Context) native() contextHandle {
	if c.built == nil {
		return nil
	}
	return c.built.handle
}

// goString is a text of the library's, copied.
func goString(t C.jackstaff_text) string {
	return string(unsafe.Slice((*byte)(t.data), int(t.len)))
}

// take is a text of the library's, copied and freed.
func take(s C.jackstaff_string) []byte {
	defer C.jackstaff_string_free(&s)
	return append([]byte(nil), unsafe.Slice((*byte)(s.text.data), int(s.text.len))...)
}

// takeError is an error of the library's, copied and freed; nil if it says that there is none.
func takeError(e *C.jackstaff_error) error {
	defer C.jackstaff_error_free(e)
	if e.code == C.JACKSTAFF_CODE_OK {
		return nil
	}
	return failure(e.code, goString(e.message.text))
}

func failure(code C.jackstaff_code, message string) error {
	kind := Internal
	if code > 0 && int(code) < len(kinds) {
		kind = kinds[code]
	}
	return &Error{Kind: kind, Message: message}
}

// checkABI refuses a library that was built for another header than this package was.
func checkABI() error {
	if have := C.jackstaff_abi(); have != C.JACKSTAFF_ABI {
		return &Error{Kind: Internal, Message: "the static library in lib/ belongs to another version of this module: run make go, or fetch the module again"}
	}
	return nil
}

func openClient(options []byte) (clientHandle, error) {
	if err := checkABI(); err != nil {
		return nil, err
	}
	var failed C.jackstaff_error
	handle := C.jackstaff_open(bytesText(options), &failed)
	return handle, takeError(&failed)
}

func openFile(path, format string, options []byte) (clientHandle, error) {
	if err := checkABI(); err != nil {
		return nil, err
	}
	var failed C.jackstaff_error
	handle := C.jackstaff_open_file(text(path), text(format), bytesText(options), &failed)
	return handle, takeError(&failed)
}

func openMock(flags []byte) (clientHandle, error) {
	if err := checkABI(); err != nil {
		return nil, err
	}
	var failed C.jackstaff_error
	handle := C.jackstaff_open_mock(bytesText(flags), &failed)
	return handle, takeError(&failed)
}

func freeClient(handle clientHandle) {
	C.jackstaff_client_free(handle)
}

func newBuiltContext(c Context, attributes []byte) (*builtContext, error) {
	var failed C.jackstaff_error
	handle := C.jackstaff_context_new(c.user(), bytesText(attributes), &failed)
	if err := takeError(&failed); err != nil {
		return nil, err
	}
	return &builtContext{handle}, nil
}

func freeContext(handle contextHandle) {
	C.jackstaff_context_free(handle)
}

func indexOf(flag string) uint32 {
	return uint32(C.jackstaff_flag(text(flag)))
}

func (c *Client) close() {
	C.jackstaff_close(c.handle)
	runtime.KeepAlive(c)
}

func (c *Client) stats() []byte {
	defer runtime.KeepAlive(c)
	return take(C.jackstaff_stats(c.handle))
}

func (c *Client) setMock(flags []byte) error {
	defer runtime.KeepAlive(c)
	var failed C.jackstaff_error
	C.jackstaff_mock_set(c.handle, bytesText(flags), &failed)
	return takeError(&failed)
}

func (c *Client) mockChecks() []byte {
	defer runtime.KeepAlive(c)
	return take(C.jackstaff_mock_checks(c.handle))
}

func (c *Client) look(flag string, who Context, def bool) (enabled, known bool) {
	said := C.jackstaff_look(c.handle, text(flag), who.user(), who.native(), C.bool(def))
	runtime.KeepAlive(c)
	runtime.KeepAlive(who.built)
	return said == C.JACKSTAFF_ON, said != C.JACKSTAFF_PENDING
}

func (c *Client) lookAt(flag uint32, who Context, def bool) (enabled, known bool) {
	said := C.jackstaff_look_at(c.handle, C.uint32_t(flag), who.user(), who.native(), C.bool(def))
	runtime.KeepAlive(c)
	runtime.KeepAlive(who.built)
	return said == C.JACKSTAFF_ON, said != C.JACKSTAFF_PENDING
}

// lookAtMany writes straight into answers: the library writes zeros and ones, which is what Go's booleans are.
func (c *Client) lookAtMany(flags []uint32, who Context, def bool, answers []bool) (known bool) {
	out := C.jackstaff_bytes{data: (*C.uint8_t)(unsafe.Pointer(unsafe.SliceData(answers))), len: C.size_t(len(answers))}
	known = bool(C.jackstaff_look_at_many(c.handle, numbers(flags), who.user(), who.native(), C.bool(def), out))
	runtime.KeepAlive(c)
	runtime.KeepAlive(who.built)
	return known
}

// Room for the texts of most answers.
type buffer [256]byte

// read is a text of an answer; it comes from the buffer, unless the library had to find room itself.
func (b *buffer) read(found *C.jackstaff_evaluation, span C.jackstaff_span) string {
	if span.start == C.JACKSTAFF_ABSENT {
		return ""
	}
	start, end := int(span.start), int(span.start)+int(span.len)
	if found.texts.data != nil {
		return string(unsafe.Slice((*byte)(found.texts.data), int(found.texts.len))[start:end])
	}
	return string(b[start:end])
}

func (c *Client) lookValue(flag string, who Context, wanted kind) (value, bool) {
	var texts buffer
	var found C.jackstaff_evaluation
	if !c.lookInto(flag, who, wanted, noDefault, &texts, &found) {
		return value{}, false
	}
	result := valueOf(&found, texts.read(&found, found.text))
	if found.owner != nil {
		C.jackstaff_evaluation_free(&found)
	}
	return result, true
}

func (c *Client) lookClosely(flag string, who Context, wanted kind, def int32) (answer, bool) {
	var texts buffer
	var found C.jackstaff_evaluation
	if !c.lookInto(flag, who, wanted, def, &texts, &found) {
		return answer{}, false
	}
	result := answerOf(&found, func(span C.jackstaff_span) string { return texts.read(&found, span) })
	if found.owner != nil {
		C.jackstaff_evaluation_free(&found)
	}
	return result, true
}

func (c *Client) lookInto(flag string, who Context, wanted kind, def int32, texts *buffer, found *C.jackstaff_evaluation) bool {
	room := C.jackstaff_bytes{data: (*C.uint8_t)(&texts[0]), len: C.size_t(len(texts))}
	known := C.jackstaff_look_closely(c.handle, text(flag), who.user(), who.native(), C.uint32_t(wanted), C.int32_t(def), room, found)
	runtime.KeepAlive(c)
	runtime.KeepAlive(who.built)
	return bool(known)
}

func valueOf(found *C.jackstaff_evaluation, text string) value {
	return value{kind: kind(found.kind), boolean: bool(found.boolean), integer: int64(found.integer), number: float64(found.number), text: text}
}

func answerOf(found *C.jackstaff_evaluation, read func(C.jackstaff_span) string) answer {
	return answer{
		Evaluation: Evaluation{
			Enabled: bool(found.enabled), Variant: read(found.variant), Reason: at(reasons[:], uint32(found.reason)), Origin: at(origins[:], uint32(found.origin)),
			Rule: read(found.rule), ErrorCode: read(found.error), Version: uint64(found.version), Epoch: read(found.epoch), Age: duration(float64(found.age)),
		},
		value: valueOf(found, read(found.text)),
	}
}

// answerLater has answers sent to found, once; false if they cannot be asked for.
func (c *Client) answerLater(flags []string, who Context, wanted kind, def int32, found chan<- []answer) bool {
	lengths := make([]uint32, len(flags))
	for i, flag := range flags {
		lengths[i] = uint32(len(flag))
	}
	handle := cgo.NewHandle(found)
	code := C.go_answer_later(c.handle, text(strings.Join(flags, "")), numbers(lengths), who.user(), who.native(), C.uint32_t(wanted), C.int32_t(def), C.uintptr_t(handle))
	runtime.KeepAlive(c)
	runtime.KeepAlive(who.built)
	if code != C.JACKSTAFF_CODE_OK {
		handle.Delete()
	}
	return code == C.JACKSTAFF_CODE_OK
}

func (c *Client) readyLater(limit time.Duration, done chan<- error) error {
	return c.later(done, func(data C.uintptr_t) C.jackstaff_code {
		return C.go_ready_later(c.handle, C.double(limit.Seconds()), data)
	})
}

func (c *Client) versionLater(version uint64, limit time.Duration, done chan<- error) error {
	return c.later(done, func(data C.uintptr_t) C.jackstaff_code {
		return C.go_version_later(c.handle, C.uint64_t(version), C.double(limit.Seconds()), data)
	})
}

func (c *Client) later(done chan<- error, begin func(C.uintptr_t) C.jackstaff_code) error {
	handle := cgo.NewHandle(done)
	code := begin(C.uintptr_t(handle))
	runtime.KeepAlive(c)
	if code != C.JACKSTAFF_CODE_OK {
		handle.Delete()
		return failure(code, "the client cannot wait")
	}
	return nil
}

// listen has changes put into mail until unlisten, or until the client is closed; then mail is closed.
func (c *Client) listen(mail *mailbox) (uint64, error) {
	defer runtime.KeepAlive(c)
	var failed C.jackstaff_error
	// The library releases the handle in any case, also if this fails.
	id := C.go_listen(c.handle, C.uintptr_t(cgo.NewHandle(mail)), &failed)
	return uint64(id), takeError(&failed)
}

func (c *Client) unlisten(id uint64) {
	C.jackstaff_unlisten(c.handle, C.uint64_t(id))
	runtime.KeepAlive(c)
}

func listenToLog(level int) {
	C.go_log(C.uint32_t(level))
}
