package jackstaff

// What the library calls, from threads of its own: none of it may block, and each hands over what it got and returns.

/*
#include "jackstaff.h"
*/
import "C"

import (
	"runtime/cgo"
	"unsafe"
)

//export jackstaffGoAnswered
func jackstaffGoAnswered(data C.uintptr_t, evaluations *C.jackstaff_evaluation, count C.size_t, texts C.jackstaff_text) {
	handle := cgo.Handle(data)
	found := handle.Value().(chan<- []answer)
	handle.Delete()
	all := goString(texts)
	read := func(span C.jackstaff_span) string {
		if span.start == C.JACKSTAFF_ABSENT {
			return ""
		}
		return all[span.start:][:span.len]
	}
	answers := make([]answer, 0, int(count))
	for i := range unsafe.Slice(evaluations, int(count)) {
		answers = append(answers, answerOf(&unsafe.Slice(evaluations, int(count))[i], read))
	}
	found <- answers // has room
}

//export jackstaffGoDone
func jackstaffGoDone(data C.uintptr_t, code C.int32_t, message C.jackstaff_text) {
	handle := cgo.Handle(data)
	done := handle.Value().(chan<- error)
	handle.Delete()
	var err error
	if code != C.JACKSTAFF_CODE_OK {
		err = failure(C.jackstaff_code(code), goString(message))
	}
	done <- err // has room
}

//export jackstaffGoChanged
func jackstaffGoChanged(data C.uintptr_t, change *C.jackstaff_change) {
	mail := cgo.Handle(data).Value().(*mailbox)
	heard := Change{Environment: goString(change.environment), Epoch: goString(change.epoch), Version: uint64(change.version)}
	for _, flag := range unsafe.Slice(change.flags, int(change.flag_count)) {
		heard.Flags = append(heard.Flags, goString(flag))
	}
	mail.put(heard)
}

//export jackstaffGoReleased
func jackstaffGoReleased(data C.uintptr_t) {
	handle := cgo.Handle(data)
	mail := handle.Value().(*mailbox)
	handle.Delete()
	mail.close()
}

//export jackstaffGoLogged
func jackstaffGoLogged(level C.uint32_t, message, fields C.jackstaff_text) {
	writeLog(int(level), goString(message), []byte(goString(fields)))
}
