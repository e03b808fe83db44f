// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// noisy collects now and then and writes to stderr all the time, also what looks like a
// line of the runtime's log. The last line on stdout says how often it collected.
package main

import (
	"fmt"
	"os"
	"runtime"
)

var keep [][]byte

func main() {
	st, _ := os.Stderr.Stat()
	fmt.Printf("tty=%v GODEBUG=%s\n", st.Mode()&os.ModeCharDevice != 0, os.Getenv("GODEBUG"))
	fmt.Fprint(os.Stderr, "a prompt: ")
	for i := 0; i < 30; i++ {
		keep = nil
		for j := 0; j < 20; j++ {
			keep = append(keep, make([]byte, 1<<20))
		}
		fmt.Fprintf(os.Stderr, "line %d\n", i)
		fmt.Fprintf(os.Stderr, "gc of mine %d\n", i)
	}
	runtime.GC()
	if len(os.Args) > 1 { // wait for the end of stdin
		fmt.Println("waiting")
		os.Stdin.Read(make([]byte, 1))
		fmt.Fprint(os.Stderr, "after\n")
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fmt.Printf("numgc=%d forced=%d\n", m.NumGC, m.NumForcedGC)
}
