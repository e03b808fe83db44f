// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// The staged experiment of seed 004, a figure of MemStats at each stage: `stages MB`. It
// stops at quiet points as tests/workloads/step.h does; MemStats is read after whatever
// else the stage does, so nothing of the heap moves from there on.
package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
)

// All of a step lies in variables: telling the figures must not change them.
var (
	m    runtime.MemStats
	line = make([]byte, 0, 1024)
	one  [1]byte
)

func put(name string, v uint64) {
	line = append(line, ' ')
	line = append(line, name...)
	line = append(line, '=')
	line = strconv.AppendUint(line, v, 10)
}

func step(name string) {
	runtime.ReadMemStats(&m)
	line = append(append(line[:0], "step "...), name...)
	put("alloc", m.HeapAlloc)
	put("inuse", m.HeapInuse)
	put("idle", m.HeapIdle-m.HeapReleased)
	put("released", m.HeapReleased)
	put("next", m.NextGC)
	put("gcs", uint64(m.NumGC))
	put("forced", uint64(m.NumForcedGC))
	put("pause", m.PauseTotalNs)
	put("stacks", m.StackSys)
	put("gcsys", m.GCSys)
	put("other", m.MSpanSys+m.MCacheSys+m.BuckHashSys+m.OtherSys)
	_, _ = os.Stdout.Write(append(line, '\n'))
	_, _ = os.Stdin.Read(one[:])
}

func touch(b []byte) {
	for i := 0; i < len(b); i += 4096 {
		b[i] = 1
	}
}

func main() {
	mb, err := strconv.Atoi(os.Args[1])
	if err != nil {
		os.Exit(2)
	}
	step("start")
	b := make([]byte, mb<<20)
	runtime.GC() // so large a slice has started a collection: now it is over
	step("made")
	touch(b[:100*4096])
	step("few")
	touch(b)
	step("all")
	runtime.KeepAlive(b)
	b = nil
	runtime.GC()
	step("collected")
	debug.FreeOSMemory()
	step("released")
	b = make([]byte, mb/2<<20)
	touch(b)
	runtime.GC()
	step("again")
	runtime.KeepAlive(b)
}
