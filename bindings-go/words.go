package jackstaff

// #include "jackstaff.h"
import "C"

import "fmt"

// The words of the library, for the test that compares them with ours (a test file cannot use cgo).

func reasonWords() string {
	return words(func(n C.uint32_t) C.jackstaff_text { return C.jackstaff_reason(n) })
}

func originWords() string {
	return words(func(n C.uint32_t) C.jackstaff_text { return C.jackstaff_origin(n) })
}

func words(word func(C.uint32_t) C.jackstaff_text) string {
	var all []string
	for n := C.uint32_t(0); word(n).data != nil; n++ {
		all = append(all, goString(word(n)))
	}
	return fmt.Sprint(all)
}
