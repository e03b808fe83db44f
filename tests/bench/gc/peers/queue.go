// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// queue.go - gc/examples/queue.c in Go.
package main

import "fmt"

const length = 50000

type message struct {
	body []uint64
	id   uint64
}

type cell struct {
	next  *cell
	value uint64
}

var seed uint32 = 49734321

func rnd() uint32 {
	seed ^= seed << 13
	seed ^= seed >> 17
	seed ^= seed << 5
	return seed
}

func makeMessage(id int) *message {
	body := make([]uint64, 4+rnd()%8)
	for i := range body {
		body[i] = uint64(id + i)
	}
	return &message{body, uint64(id)}
}

func handle(msg *message) uint32 {
	var list, back *cell
	for _, v := range msg.body {
		list = &cell{list, v}
	}
	for ; list != nil; list = list.next {
		back = &cell{back, list.value}
	}
	var sum uint32
	for ; back != nil; back = back.next {
		sum = sum*3 + uint32(back.value)
	}
	return sum
}

func main() {
	messages := number(1500000)
	queue := make([]*message, length)
	var sum uint32
	for i := 0; i < messages; i++ {
		if msg := queue[i%length]; msg != nil {
			sum += handle(msg)
		}
		queue[i%length] = makeMessage(i)
	}
	fmt.Printf("%d messages, sum %08x\n", messages, sum)
	report()
}
