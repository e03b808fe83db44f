// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// gcbench.go - gc/examples/gcbench.c in Go.
package main

import "fmt"

type node struct {
	left, right *node
	i, j        int32
}

func populate(depth int, n *node) {
	if depth <= 0 {
		return
	}
	n.left = &node{}
	n.right = &node{}
	populate(depth-1, n.left)
	populate(depth-1, n.right)
}

func makeTree(depth int) *node {
	if depth <= 0 {
		return &node{}
	}
	return &node{left: makeTree(depth - 1), right: makeTree(depth - 1)}
}

func (n *node) count() int {
	if n == nil {
		return 0
	}
	return 1 + n.left.count() + n.right.count()
}

func treeSize(depth int) int { return 1<<(depth+1) - 1 }

func construct(depth, max int) {
	n, nodes := 2*treeSize(max)/treeSize(depth), 0
	for i := 0; i < n; i++ {
		top := &node{}
		populate(depth, top)
		nodes += top.count()
		nodes += makeTree(depth).count()
	}
	fmt.Printf("%d trees of depth %d, twice: %d nodes\n", n, depth, nodes)
}

func main() {
	max, n := number(16), 500000
	fmt.Printf("stretched with %d nodes\n", makeTree(max+2).count())
	kept := &node{}
	populate(max, kept)
	array := make([]float64, n)
	for i := 0; i < n/2; i++ {
		array[i] = 1 / float64(i+1)
	}
	for depth := 4; depth <= max; depth += 2 {
		construct(depth, max)
	}
	fmt.Printf("long lived: %d nodes, array[1000] = %.6f\n", kept.count(), array[1000])
	report()
}
