// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A line read is a round: half a million objects, every thousandth kept; with an argument, as many
// collections as that. A line is written behind it.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
)

type node struct {
	i    int
	next []int
}

var sink *node

func round() int {
	var kept []*node
	for i := 0; i < 500000; i++ {
		sink = &node{i, []int{i, i + 1}}
		if i%1000 == 0 {
			kept = append(kept, sink)
		}
	}
	return len(kept)
}

func main() {
	collections := 0
	if len(os.Args) > 1 {
		collections, _ = strconv.Atoi(os.Args[1])
	}
	in := bufio.NewScanner(os.Stdin)
	fmt.Println("ready")
	for in.Scan() {
		for i := 0; i < collections; i++ {
			runtime.GC()
		}
		if collections == 0 {
			round()
		}
		fmt.Println("done")
	}
}
