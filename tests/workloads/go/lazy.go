// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// The staged experiment as a real Go program: a 600 MB slice costs nothing until
// it is touched, is collected, handed back, and a 300 MB slice takes its place.
// It stops at quiet points as tests/workloads/step.h does.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
)

var input = bufio.NewReader(os.Stdin)

func step(name string) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fmt.Printf("step %s used=%d sys=%d released=%d\n", name, m.HeapAlloc, m.HeapSys, m.HeapReleased)
	_, _ = input.ReadString('\n')
}

func touch(b []byte, stride int) {
	for i := 0; i < len(b); i += stride {
		b[i] = 1
	}
}

func main() {
	step("start")
	b := make([]byte, 600<<20)
	step("made")
	touch(b[:40960], 4096)
	step("few")
	touch(b, 4096)
	step("all")
	runtime.KeepAlive(b)
	b = nil
	debug.FreeOSMemory()
	step("released")
	b = make([]byte, 300<<20)
	touch(b, 4096)
	step("again")
	runtime.KeepAlive(b)
	os.Exit(4)
}
