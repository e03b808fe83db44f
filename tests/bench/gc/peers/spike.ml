(* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause *)
(* spike.ml - gc/examples/spike.c in OCaml; the goal is twice what is kept. *)
let batch = 1000

let rss_mb () =
  let f = open_in "/proc/self/statm" in
  let pages = Scanf.sscanf (input_line f) "%d %d" (fun _ pages -> pages) in
  close_in f;
  float_of_int pages *. 4096.0 /. 1e6

let fill mb =
  let n = mb * 1000000 / (batch * 72) in
  Array.init n (fun i ->
      Array.init batch (fun j ->
          let record = Bytes.make 48 '\000' in
          Bytes.set_int64_le record 0 (Int64.of_int (i + j));
          record))

let sum all =
  let s = ref 0 in
  Array.iter (Array.iter (fun r -> s := !s + Int64.to_int (Bytes.get_int64_le r 0))) all;
  !s

let[@inline never] spike mb =
  let all = fill mb in
  let before = rss_mb () in
  ignore (Sys.opaque_identity all);
  before

let () =
  let kept_mb = try int_of_string Sys.argv.(1) with Invalid_argument _ -> 32 in
  let patience = try float_of_string Sys.argv.(2) with Invalid_argument _ -> 5.0 in
  let kept = fill kept_mb in
  let want = sum kept in
  let before = spike (8 * kept_mb) in
  Gc.full_major ();
  let start = Unix.gettimeofday () and goal = 2.0 *. float_of_int kept_mb in
  let rec watch () =
    Unix.sleepf 0.005;
    let rss = rss_mb () and t = Unix.gettimeofday () -. start in
    if rss > 1.1 *. goal && t < patience then watch ()
    else Printf.printf "rss %.1f MB, goal %.1f MB: rss %.1f MB after %.3f s\n" before goal rss t
  in
  watch ();
  if sum kept <> want then exit 1
