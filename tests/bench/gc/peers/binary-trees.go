// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// binary-trees.go - gc/examples/binary-trees.c in Go.
package main

import "fmt"

type node struct{ left, right *node }

func build(depth int) *node {
	if depth > 0 {
		return &node{build(depth - 1), build(depth - 1)}
	}
	return &node{}
}

func (n *node) check() int {
	if n.left == nil {
		return 1
	}
	return 1 + n.left.check() + n.right.check()
}

func main() {
	max := number(10)
	if max < 6 {
		max = 6
	}
	fmt.Printf("stretch tree of depth %d\t check: %d\n", max+1, build(max+1).check())
	longLived := build(max)
	for depth := 4; depth <= max; depth += 2 {
		n, sum := 1<<(max-depth+4), 0
		for i := 0; i < n; i++ {
			sum += build(depth).check()
		}
		fmt.Printf("%d\t trees of depth %d\t check: %d\n", n, depth, sum)
	}
	fmt.Printf("long lived tree of depth %d\t check: %d\n", max, longLived.check())
	report()
}
