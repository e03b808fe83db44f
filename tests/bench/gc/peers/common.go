// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// common.go - what the Go programs share: the number on the command line, and the
// collector's pauses on stderr with -v.
package main

import (
	"fmt"
	"os"
	"runtime"
	"sort"
	"strconv"
)

func number(n int) int {
	if len(os.Args) > 1 {
		n, _ = strconv.Atoi(os.Args[1])
	}
	return n
}

// Go keeps the last 256 pauses; each collection stops the world twice and counts once.
func report() {
	if len(os.Args) < 3 || os.Args[2] != "-v" {
		return
	}
	var st runtime.MemStats
	runtime.ReadMemStats(&st)
	n := int(st.NumGC)
	if n > len(st.PauseNs) {
		n = len(st.PauseNs)
	}
	if n == 0 {
		return
	}
	p := append([]uint64{}, st.PauseNs[:n]...)
	sort.Slice(p, func(i, j int) bool { return p[i] < p[j] })
	us := func(ns uint64) float64 { return float64(ns) / 1e3 }
	fmt.Fprintf(os.Stderr, "major pauses: %d, p50 %.1f us, p99 %.1f us, max %.1f us, sum %.1f ms\n",
		st.NumGC, us(p[n/2]), us(p[n*99/100]), us(p[n-1]), float64(st.PauseTotalNs)/1e6)
}
