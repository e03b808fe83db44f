// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// places.go - the same in Go: a method.
package main

import (
	"bufio"
	"fmt"
	"os"
	"syscall"
)

type box struct{ b []byte }

//go:noinline
func (x *box) touchAll() {
	for i := 0; i < len(x.b); i += 4096 {
		x.b[i] = 1
	}
}

func main() {
	in := bufio.NewReader(os.Stdin)
	b, err := syscall.Mmap(-1, 0, 32<<20, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		panic(err)
	}
	x := &box{b}
	fmt.Println("step start")
	in.ReadString('\n')
	x.touchAll()
	fmt.Println("step touched")
	in.ReadString('\n')
}
