// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Allocates: `churn N` makes N slices of 16 KB and keeps some of them for a while; forces a
// collection at the end of every quarter. Prints MemStats and waits for a line then.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
)

var keep [][]byte

func main() {
	n, err := strconv.Atoi(os.Args[1])
	if err != nil {
		os.Exit(2)
	}
	for i := 1; i <= n; i++ {
		b := make([]byte, 16<<10)
		b[0] = 1
		if i%16 == 0 {
			keep = append(keep, b)
		}
		if len(keep) > 1000 {
			keep = nil
		}
		if i%(n/4) == 0 {
			runtime.GC()
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fmt.Printf("step done gcs=%d forced=%d pause=%d\n", m.NumGC, m.NumForcedGC, m.PauseTotalNs)
	_, _ = os.Stdin.Read(make([]byte, 1))
}
