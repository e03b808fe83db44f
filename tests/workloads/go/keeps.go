// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// keeps - what a Go heap comes to, for the diagnosis (docs/diagnosis.md). Quiet points as in
// tests/workloads/step.h.
//
//	keeps idle MB MS  slices of 1 MiB, dropped and collected; MS ms of rest
//	keeps sparse MB MS  objects of 64 bytes, of which each 128th stays; three collections
//	keeps spin MB MS  MB that stay, and garbage for so long (by the clock: the rule is of time)
//
// The rest is never shorter than twice what was done before it: on a busy machine as well
// it came in a burst.
package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"
)

var keep [][]byte
var garbage []byte

func step(name string) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fmt.Printf("step %s used=%d idle=%d released=%d gcs=%d\n", name, m.HeapAlloc, m.HeapIdle, m.HeapReleased, m.NumGC)
	_, _ = os.Stdin.Read(make([]byte, 1))
}

func fill(mb int) {
	for i := 0; i < mb; i++ {
		b := make([]byte, 1<<20)
		for k := 0; k < len(b); k += 4096 {
			b[k] = 1
		}
		keep = append(keep, b)
	}
}

type small struct{ v [8]uint64 }

var few []*small

// sparse: the survivors lie in as many spans as all of them did.
func sparse(mb int) {
	all := make([]*small, mb<<14)
	for i := range all {
		all[i] = &small{v: [8]uint64{1}} // written: pages of zeroes would not be there
	}
	for i := 0; i < len(all); i += 128 {
		few = append(few, all[i])
	}
}

func rest(d time.Duration, begin time.Time) {
	time.Sleep(max(d, 2*time.Since(begin)))
}

func max(a, b time.Duration) time.Duration {
	if a > b {
		return a
	}
	return b
}

func main() {
	mb, _ := strconv.Atoi(os.Args[2])
	ms, _ := strconv.Atoi(os.Args[3])
	d := time.Duration(ms) * time.Millisecond
	debug.FreeOSMemory()
	step("start")
	begin := time.Now()
	switch os.Args[1] {
	case "spin":
		fill(mb)
		for end := time.Now().Add(d); time.Now().Before(end); {
			garbage = make([]byte, 64<<10)
		}
	case "sparse":
		sparse(mb)
		for i := 0; i < 4; i++ {
			runtime.GC()
		}
		rest(d, begin)
	default:
		fill(mb)
		keep = nil
		runtime.GC()
		rest(d, begin)
	}
	step("done")
	runtime.KeepAlive(keep)
	runtime.KeepAlive(few)
}
