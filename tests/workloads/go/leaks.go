// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Goroutines that wait for ever, each with what it was to work on: `leaks MB`. It stops at
// quiet points as tests/workloads/step.h does, but goes on behind `done` up to four times as
// much: how soon a recording ends makes no difference. There is garbage beside it, so that the
// collector runs as it does in a server.
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

func say(name string) {
	_, _ = os.Stdout.WriteString("step " + name + "\n")
}

func wait() {
	_, _ = os.Stdin.Read(one[:])
}

// The sender of what they wait for has gone.
func work(results chan int, data []byte, started chan bool) {
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
	say("start")
	wait()
	n := mb << 20 / unit
	for i := 0; i < 4*n; i++ {
		if i == n {
			say("done")
		}
		go work(results, make([]byte, unit), started)
		<-started
		for k := 0; k < 2; k++ {
			dropped = make([]byte, unit)
		}
	}
	wait()
	close(results)
}
