(* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause *)
(* binary-trees.ml - gc/examples/binary-trees.c in OCaml. *)
type tree = Empty | Node of tree * tree

let rec build depth =
  if depth > 0 then
    let left = build (depth - 1) in
    let right = build (depth - 1) in
    Node (left, right)
  else Node (Empty, Empty)

let rec check = function
  | Empty -> 0
  | Node (Empty, _) -> 1
  | Node (left, right) -> 1 + check left + check right

let () =
  let max = Stdlib.max 6 (try int_of_string Sys.argv.(1) with Invalid_argument _ -> 10) in
  Printf.printf "stretch tree of depth %d\t check: %d\n" (max + 1) (check (build (max + 1)));
  let long_lived = build max in
  let depth = ref 4 in
  while !depth <= max do
    let n = 1 lsl (max - !depth + 4) in
    let sum = ref 0 in
    for _ = 1 to n do
      sum := !sum + check (build !depth)
    done;
    Printf.printf "%d\t trees of depth %d\t check: %d\n" n !depth !sum;
    depth := !depth + 2
  done;
  Printf.printf "long lived tree of depth %d\t check: %d\n" max (check long_lived)
