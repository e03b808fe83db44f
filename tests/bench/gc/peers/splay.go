// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// splay.go - gc/examples/splay.c in Go.
package main

import (
	"fmt"
	"math"
	"os"
)

const (
	nodes   = 8000
	changes = 80
	depth   = 4
	numbers = 10
)

type payload struct {
	left, right *payload
	numbers     *[numbers]uint64
	key         uint64
}

type node struct {
	left, right *node
	value       *payload
	key         uint64
}

var root *node
var seed uint32 = 49734321

func rnd() uint64 {
	seed ^= seed << 13
	seed ^= seed >> 17
	seed ^= seed << 5
	return uint64(seed)
}

func makePayload(depth int, key uint64) *payload {
	if depth > 0 {
		l := makePayload(depth-1, key)
		r := makePayload(depth-1, key)
		return &payload{l, r, nil, key}
	}
	v := new([numbers]uint64)
	for i := range v {
		v[i] = key + uint64(i)
	}
	return &payload{nil, nil, v, key}
}

func rotateRight(n *node) *node {
	l := n.left
	n.left = l.right
	l.right = n
	return l
}

func rotateLeft(n *node) *node {
	r := n.right
	n.right = r.left
	r.left = n
	return r
}

func splay(key uint64) {
	d := &node{}
	left, right, cur := d, d, root
	for {
		if key < cur.key && cur.left != nil {
			if key < cur.left.key {
				cur = rotateRight(cur)
			}
			if cur.left == nil {
				break
			}
			right.left = cur
			right = cur
			cur = cur.left
		} else if key > cur.key && cur.right != nil {
			if key > cur.right.key {
				cur = rotateLeft(cur)
			}
			if cur.right == nil {
				break
			}
			left.right = cur
			left = cur
			cur = cur.right
		} else {
			break
		}
	}
	left.right = cur.left
	right.left = cur.right
	cur.left = d.right
	cur.right = d.left
	root = cur
}

func insert(key uint64) {
	n := &node{key: key}
	n.value = makePayload(depth, key)
	if root != nil {
		splay(key)
		if root.key == key {
			return
		}
		if key > root.key {
			n.left = root
			n.right = root.right
			root.right = nil
		} else {
			n.right = root
			n.left = root.left
			root.left = nil
		}
	}
	root = n
}

func removeNear(key uint64) {
	splay(key)
	right := root.right
	if root.left == nil {
		root = right
		return
	}
	root = root.left
	splay(math.MaxUint64)
	root.right = right
}

func (p *payload) check(key uint64) int {
	if p.key != key {
		os.Exit(1)
	}
	if p.left != nil {
		return p.left.check(key) + p.right.check(key) + 1
	}
	for i, v := range p.numbers {
		if v != key+uint64(i) {
			os.Exit(1)
		}
	}
	return 1
}

type sum struct {
	last         uint64
	nodes, parts int
	keys         uint32
}

func (n *node) check(s *sum) {
	for ; n != nil; n = n.right {
		n.left.check(s)
		if n.key < s.last {
			os.Exit(1)
		}
		s.last = n.key
		s.nodes++
		s.parts += n.value.check(n.key)
		s.keys = s.keys*31 + uint32(n.key)
	}
}

func main() {
	rounds := number(500)
	for i := 0; i < nodes; i++ {
		insert(rnd())
	}
	for i := 0; i < rounds*changes; i++ {
		insert(rnd())
		removeNear(rnd())
	}
	var s sum
	root.check(&s)
	fmt.Printf("%d nodes in order, %d parts of payload intact, keys %08x\n", s.nodes, s.parts, s.keys)
	report()
}
