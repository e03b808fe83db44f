// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// quads.go - gc/examples/quads.c in Go.
package main

import "fmt"

type quad struct{ kid [4]*quad }

func makeQuad(depth int) *quad {
	q := &quad{}
	if depth > 0 {
		for i := range q.kid {
			q.kid[i] = makeQuad(depth - 1)
		}
	}
	return q
}

func (q *quad) count() int {
	n := 1
	for _, k := range q.kid {
		if k != nil {
			n += k.count()
		}
	}
	return n
}

func replace(root *quad, depth, step int) {
	part := makeQuad(depth - 3)
	root.kid[step/16].kid[step/4%4].kid[step%4] = part
}

func main() {
	depth := number(10)
	if depth < 6 {
		depth = 6
	}
	root := makeQuad(depth)
	live, small := root.count(), 0
	for step := 0; step < 64; step++ {
		replace(root, depth, step)
		for i := 0; i < 256; i++ {
			small += makeQuad(depth - 6).count()
		}
	}
	fmt.Printf("%d quads, then %d, and %d in small trees\n", live, root.count(), small)
	report()
}
