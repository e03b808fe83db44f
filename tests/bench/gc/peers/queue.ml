(* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause *)
(* queue.ml - gc/examples/queue.c in OCaml. *)
let length = 50000

type message = { body : int array; id : int }

let seed = ref 49734321

let rnd () =
  let x = !seed in
  let x = x lxor (x lsl 13) land 0xffffffff in
  let x = x lxor (x lsr 17) in
  let x = x lxor (x lsl 5) land 0xffffffff in
  seed := x;
  x

let make id =
  let len = 4 + (rnd () mod 8) in
  let body = Array.make len 0 in
  for i = 0 to len - 1 do
    body.(i) <- id + i
  done;
  { body; id }

let rec backwards list back =
  match list with
  | [] -> back
  | value :: rest -> backwards rest (value :: back)

let rec weighted sum = function
  | [] -> sum
  | value :: rest -> weighted (((sum * 3) + value) land 0xffffffff) rest

let handle msg =
  let list = ref [] in
  for i = 0 to Array.length msg.body - 1 do
    list := msg.body.(i) :: !list
  done;
  weighted 0 (backwards !list [])

let () =
  let messages = try int_of_string Sys.argv.(1) with Invalid_argument _ -> 1500000 in
  let none = { body = [||]; id = -1 } in
  let queue = Array.make length none in
  let sum = ref 0 in
  for i = 0 to messages - 1 do
    let msg = queue.(i mod length) in
    if msg != none then sum := (!sum + handle msg) land 0xffffffff;
    queue.(i mod length) <- make i
  done;
  Printf.printf "%d messages, sum %08x\n" messages !sum
