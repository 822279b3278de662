// Package darwin_arm64 is the place of libjackstaff_c.a for this platform. It is a package so that vendoring takes the folder along.
package darwin_arm64
