// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Goroutines that wait for ever, each with what it was to work on: `leaks MB`. It stops at
// quiet points as tests/workloads/step.h does. Between two of them there is garbage, so
// that the collector runs as it does in a server.
package main

import (
	"os"
	"runtime"
	"strconv"
)

const unit = 8 << 10 // bytes of a request's data

var (
	one     [1]byte
	dropped []byte
)

func step(name string) {
	_, _ = os.Stdout.WriteString("step " + name + "\n")
	_, _ = os.Stdin.Read(one[:])
}

// The sender of what they wait for has gone.
func wait(results chan int, data []byte, started chan bool) {
	for i := range data {
		data[i] = 1
	}
	started <- true
	<-results
	runtime.KeepAlive(data)
}

func main() {
	mb, err := strconv.Atoi(os.Args[1])
	if err != nil {
		os.Exit(2)
	}
	results, started := make(chan int), make(chan bool)
	step("start")
	for i := 0; i < mb<<20/unit; i++ {
		go wait(results, make([]byte, unit), started)
		<-started
		for k := 0; k < 2; k++ {
			dropped = make([]byte, unit)
		}
	}
	step("done")
	close(results)
}
