package jackstaff

// Where the linker finds the library, and a word that helps when it is not there: without it the linker would be the first to complain.

/*
#cgo LDFLAGS: ${SRCDIR}/lib/linux_arm64/libjackstaff_c.a -lm -ldl -lpthread
#if !__has_include("lib/linux_arm64/libjackstaff_c.a")
#error "jackstaff: lib/linux_arm64/libjackstaff_c.a is not here. In a checkout of the project, 'make go' builds it; a release of the module brings it along."
#endif
*/
import "C"

import _ "github.com/jackstaff/jackstaff/bindings-go/lib/linux_arm64"
