(* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause *)
(* splay.ml - gc/examples/splay.c in OCaml. *)
let nodes = 8000
let changes = 80
let depth = 4
let numbers = 10

type payload = Nothing | Part of { left : payload; right : payload; numbers : int array; key : int }

type node =
  | Nil
  | Node of { mutable left : node; mutable right : node; mutable value : payload; mutable key : int }

let root = ref Nil
let seed = ref 49734321

let rnd () =
  let x = !seed in
  let x = x lxor (x lsl 13) land 0xffffffff in
  let x = x lxor (x lsr 17) in
  let x = x lxor (x lsl 5) land 0xffffffff in
  seed := x;
  x

let rec make_payload depth key =
  if depth > 0 then
    let left = make_payload (depth - 1) key in
    let right = make_payload (depth - 1) key in
    Part { left; right; numbers = [||]; key }
  else
    let v = Array.make numbers 0 in
    for i = 0 to numbers - 1 do
      v.(i) <- key + i
    done;
    Part { left = Nothing; right = Nothing; numbers = v; key }

let left = function Nil -> Nil | Node n -> n.left
let right = function Nil -> Nil | Node n -> n.right
let key = function Nil -> exit 1 | Node n -> n.key
let set_left n v = match n with Nil -> () | Node n -> n.left <- v
let set_right n v = match n with Nil -> () | Node n -> n.right <- v
let new_node () = Node { left = Nil; right = Nil; value = Nothing; key = 0 }

let rotate_right n =
  let l = left n in
  set_left n (right l);
  set_right l n;
  l

let rotate_left n =
  let r = right n in
  set_right n (left r);
  set_left r n;
  r

let splay k =
  let d = new_node () in
  let l = ref d and r = ref d and cur = ref !root and go = ref true in
  while !go do
    if k < key !cur && left !cur != Nil then begin
      if k < key (left !cur) then cur := rotate_right !cur;
      if left !cur == Nil then go := false
      else begin
        set_left !r !cur;
        r := !cur;
        cur := left !cur
      end
    end
    else if k > key !cur && right !cur != Nil then begin
      if k > key (right !cur) then cur := rotate_left !cur;
      if right !cur == Nil then go := false
      else begin
        set_right !l !cur;
        l := !cur;
        cur := right !cur
      end
    end
    else go := false
  done;
  set_right !l (left !cur);
  set_left !r (right !cur);
  set_left !cur (right d);
  set_right !cur (left d);
  root := !cur

let insert k =
  let n = new_node () in
  (match n with
  | Nil -> ()
  | Node r ->
    r.key <- k;
    r.value <- make_payload depth k);
  if !root == Nil then root := n
  else begin
    splay k;
    let r = !root in
    if key r <> k then begin
      if k > key r then begin
        set_left n r;
        set_right n (right r);
        set_right r Nil
      end
      else begin
        set_right n r;
        set_left n (left r);
        set_left r Nil
      end;
      root := n
    end
  end

let remove_near k =
  splay k;
  let r = right !root in
  if left !root == Nil then root := r
  else begin
    root := left !root;
    splay max_int;
    set_right !root r
  end

let rec check_payload p k =
  match p with
  | Nothing -> exit 1
  | Part p ->
    if p.key <> k then exit 1;
    if p.left != Nothing then check_payload p.left k + check_payload p.right k + 1
    else begin
      Array.iteri (fun i v -> if v <> k + i then exit 1) p.numbers;
      1
    end

let last = ref 0
let count = ref 0
let parts = ref 0
let keys = ref 0

let rec check_tree = function
  | Nil -> ()
  | Node n ->
    check_tree n.left;
    if n.key < !last then exit 1;
    last := n.key;
    incr count;
    parts := !parts + check_payload n.value n.key;
    keys := ((!keys * 31) + n.key) land 0xffffffff;
    check_tree n.right

let () =
  let rounds = try int_of_string Sys.argv.(1) with Invalid_argument _ -> 500 in
  for _ = 1 to nodes do
    insert (rnd ())
  done;
  for _ = 1 to rounds * changes do
    insert (rnd ());
    remove_near (rnd ())
  done;
  check_tree !root;
  Printf.printf "%d nodes in order, %d parts of payload intact, keys %08x\n" !count !parts !keys
