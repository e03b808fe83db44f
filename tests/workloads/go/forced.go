// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// forced - collects twelve times by request and prints CLOCK_MONOTONIC before and after
// each, which its gctrace lines have to lie between. A collection returns before its line
// is printed, and the next one waits for that: hence one more at the end.
package main

import (
	"fmt"
	"runtime"
	"syscall"
	"unsafe"
)

var keep [][]byte

func now() int64 {
	var ts syscall.Timespec
	syscall.Syscall(syscall.SYS_CLOCK_GETTIME, 1, uintptr(unsafe.Pointer(&ts)), 0)
	return ts.Nano()
}

func main() {
	var around [24]int64
	for i := 0; i < 24; i += 2 {
		for k := 0; k < 400; k++ {
			b := make([]byte, 16<<10)
			if k%8 == 0 {
				keep = append(keep, b)
			}
		}
		around[i] = now()
		runtime.GC()
		around[i+1] = now()
	}
	runtime.GC()
	for i := 0; i < 24; i += 2 {
		fmt.Println(around[i], around[i+1])
	}
}
