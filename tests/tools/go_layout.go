// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Prints where a Go program keeps the figures that user/rt/go_layout.c names: one line a
// field, "name offset", from the program's own debug information.
package main

import (
	"debug/dwarf"
	"debug/elf"
	"fmt"
	"os"
	"strings"
)

var fields = map[string][]string{
	"runtime.gcControllerState": {"memoryLimit", "gcPercentHeapGoal", "sweepDistMinTrigger", "triggered",
		"heapLive", "heapMarked", "markStartTime", "heapInUse", "heapReleased", "heapFree",
		"totalAlloc", "totalFree", "mappedReady"},
	"runtime.mstats": {"heapStats", "stacks_sys", "mspan_sys", "mcache_sys", "buckhash_sys", "gcMiscSys", "gc_sys",
		"other_sys", "pause_total_ns", "pause_ns", "pause_end", "numgc", "numforcedgc"},
	"runtime.heapStatsDelta":      {"inStacks", "inWorkBufs", "inPtrScalarBits"},
	"runtime.consistentHeapStats": {"stats"},
}

func wanted(kind, name string) bool {
	for _, f := range fields[kind] {
		if f == name {
			return true
		}
	}
	return false
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	f, err := elf.Open(os.Args[1])
	check(err)
	d, err := f.DWARF()
	check(err)
	r := d.Reader()
	for e, err := r.Next(); e != nil; e, err = r.Next() {
		check(err)
		if e.Tag != dwarf.TagStructType {
			continue
		}
		name, _ := e.Val(dwarf.AttrName).(string)
		if fields[name] == nil {
			continue
		}
		t, err := d.Type(e.Offset)
		check(err)
		s := t.(*dwarf.StructType)
		short := strings.TrimPrefix(name, "runtime.")
		fmt.Println(short+".size", s.ByteSize)
		for _, m := range s.Field {
			if wanted(name, m.Name) {
				fmt.Println(short+"."+m.Name, m.ByteOffset)
			}
		}
	}
}
