(* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause *)
(* quads.ml - gc/examples/quads.c in OCaml. *)
type quad = Nil | Quad of { mutable a : quad; mutable b : quad; mutable c : quad; mutable d : quad }

let rec make depth =
  if depth > 0 then
    let a = make (depth - 1) in
    let b = make (depth - 1) in
    let c = make (depth - 1) in
    let d = make (depth - 1) in
    Quad { a; b; c; d }
  else Quad { a = Nil; b = Nil; c = Nil; d = Nil }

let rec count = function
  | Nil -> 0
  | Quad q -> 1 + count q.a + count q.b + count q.c + count q.d

let kid i = function
  | Nil -> Nil
  | Quad q -> ( match i with 0 -> q.a | 1 -> q.b | 2 -> q.c | _ -> q.d)

let replace root depth step =
  let part = make (depth - 3) in
  match kid (step / 4 mod 4) (kid (step / 16) root) with
  | Nil -> ()
  | Quad q -> (
    match step mod 4 with
    | 0 -> q.a <- part
    | 1 -> q.b <- part
    | 2 -> q.c <- part
    | _ -> q.d <- part)

let () =
  let depth = max 6 (try int_of_string Sys.argv.(1) with Invalid_argument _ -> 10) in
  let root = make depth in
  let live = count root in
  let small = ref 0 in
  for step = 0 to 63 do
    replace root depth step;
    for _ = 1 to 256 do
      small := !small + count (make (depth - 6))
    done
  done;
  Printf.printf "%d quads, then %d, and %d in small trees\n" live (count root) !small
