(* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause *)
(* gcbench.ml - gc/examples/gcbench.c in OCaml. *)
type node = Nil | Node of { mutable left : node; mutable right : node; i : int; j : int }

let node left right = Node { left; right; i = 0; j = 0 }

let rec populate depth n =
  if depth > 0 then
    match n with
    | Nil -> ()
    | Node r ->
      r.left <- node Nil Nil;
      r.right <- node Nil Nil;
      populate (depth - 1) r.left;
      populate (depth - 1) r.right

let rec make depth =
  if depth > 0 then
    let left = make (depth - 1) in
    let right = make (depth - 1) in
    node left right
  else node Nil Nil

let rec count = function
  | Nil -> 0
  | Node r -> 1 + count r.left + count r.right

let tree_size depth = (1 lsl (depth + 1)) - 1

let construct depth max =
  let n = 2 * tree_size max / tree_size depth in
  let nodes = ref 0 in
  for _ = 1 to n do
    let top = node Nil Nil in
    populate depth top;
    nodes := !nodes + count top;
    nodes := !nodes + count (make depth)
  done;
  Printf.printf "%d trees of depth %d, twice: %d nodes\n" n depth !nodes

let () =
  let max = try int_of_string Sys.argv.(1) with Invalid_argument _ -> 16 in
  Printf.printf "stretched with %d nodes\n" (count (make (max + 2)));
  let kept = node Nil Nil in
  populate max kept;
  let n = 500000 in
  let array = Array.make n 0.0 in
  for i = 0 to (n / 2) - 1 do
    array.(i) <- 1.0 /. float_of_int (i + 1)
  done;
  let depth = ref 4 in
  while !depth <= max do
    construct !depth max;
    depth := !depth + 2
  done;
  Printf.printf "long lived: %d nodes, array[1000] = %.6f\n" (count kept) array.(1000)
