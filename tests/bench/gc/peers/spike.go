// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// spike.go - gc/examples/spike.c in Go.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"
)

const batch = 1000

type record struct{ v [8]uint64 }

func rssMB() float64 {
	var size, pages int
	f, err := os.Open("/proc/self/statm")
	if err != nil {
		os.Exit(1)
	}
	defer f.Close()
	fmt.Fscan(f, &size, &pages)
	return float64(pages) * 4096 / 1e6
}

func fill(mb int) [][]*record {
	all := make([][]*record, mb*1000000/(batch*72))
	for i := range all {
		all[i] = make([]*record, batch)
		for j := range all[i] {
			all[i][j] = &record{[8]uint64{uint64(i + j)}}
		}
	}
	return all
}

func sum(all [][]*record) (s uint64) {
	for _, b := range all {
		for _, r := range b {
			s += r.v[0]
		}
	}
	return s
}

func main() {
	keptMB, patience := number(32), 5.0
	if len(os.Args) > 2 {
		patience, _ = strconv.ParseFloat(os.Args[2], 64)
	}
	kept := fill(keptMB)
	want := sum(kept)
	spike := fill(8 * keptMB)
	before := rssMB()
	runtime.KeepAlive(spike)
	spike = nil
	runtime.GC()
	start, goal := time.Now(), 2*float64(keptMB)
	for {
		time.Sleep(5 * time.Millisecond)
		rss, t := rssMB(), time.Since(start).Seconds()
		if rss <= 1.1*goal || t >= patience {
			fmt.Printf("rss %.1f MB, goal %.1f MB: rss %.1f MB after %.3f s\n", before, goal, rss, t)
			break
		}
	}
	if sum(kept) != want {
		os.Exit(1)
	}
	report()
}
