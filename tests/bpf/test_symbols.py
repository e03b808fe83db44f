# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Frames by name: each kind of program and of table, files that go away, names never wrong."""
import os
import pathlib
import resource
import shutil
import subprocess

import mp
import pytest

SRC = mp.ROOT / "tests" / "workloads" / "symbols"
MOUNT = ["unshare", "-m", "sh", "-c"]


def run(*argv, **kw):
    subprocess.run([str(a) for a in argv], check=True, timeout=600, stdout=subprocess.DEVNULL, **kw)


def cc(out, *flags, lang="c"):
    # optimised, a function that calls none has no frame, whatever the option says
    run("g++" if lang == "cc" else "gcc", "-O0", "-Wl,--build-id", *flags, "-o", out, SRC / f"places.{lang}")
    return str(out)


def record(tmp_path, argv, *args, between=None, after=None, **kw):
    """A workload recorded from its start to its page faults; the recording's path."""
    mp.need_bpf()
    path = tmp_path / "r.mprof"
    with mp.Workload(None, argv=argv, **kw) as w:
        with mp.Recording(w.pid, path, *args) as r:
            if between:
                between(w)
            w.step("touched")
            if after:
                after(w)
            r.stop()
    return path


def stacks(path, *args, **kw):
    """The stacks of the fault sites, those of most pages first."""
    rep = mp.report(path, **kw) if not args else mp.json.loads(
        mp.memprof("report", path, "--json", *args, check=0, **kw).stdout)
    return [s["stack"] for s in sorted(rep["sites"], key=lambda s: -s["pages"]) if s["stack"]]


def name(frame):
    """"f+0x12 (module)": f and the module."""
    f, _, module = frame.partition(" (")
    return f.rsplit("+0x", 1)[0], module.rstrip(")")


def sources(path):
    """Where the names of a recording come from: {name: source}."""
    out = {}
    for line in mp.memprof("dump", path, check=0).stdout.splitlines():
        w = line.split()
        if len(w) > 1 and w[1].startswith("place."):
            out[line.partition('name="')[2].partition('"')[0]] = w[1].partition(".")[2]
    return out


def test_c(tmp_path):
    path = record(tmp_path, [cc(tmp_path / "prog")])
    top = stacks(path)[0]
    assert [name(f) for f in top[:3]] == [("touch_pages", "prog"), ("call_touch", "prog"), ("main", "prog")]
    assert sources(path)["touch_pages"] == "symtab"


def test_cpp(tmp_path):
    top = stacks(record(tmp_path, [cc(tmp_path / "prog", lang="cc")]))[0]
    assert name(top[0]) == ("outer::(anonymous namespace)::Box<char, 4096>::touch_all", "prog"), top
    assert name(top[1]) == ("main", "prog")


@pytest.mark.parametrize("flags", [[], ["-C", "symbol-mangling-version=v0"]], ids=["default", "v0"])
def test_rust(tmp_path, flags):
    rustc = shutil.which("rustc") or str(pathlib.Path.home() / ".cargo" / "bin" / "rustc")
    if not os.path.exists(rustc):
        pytest.skip("no rustc here; tests/unit/test_sym.c has mangled names")
    run(rustc, "-O", "-C", "force-frame-pointers=yes", *flags, "-o", tmp_path / "prog", SRC / "places.rs")
    top = stacks(record(tmp_path, [str(tmp_path / "prog")]))[0]
    f, module = name(top[0])
    assert f.startswith(("places::inner::Box", "<places::inner::Box")) and f.endswith("touch_all"), top
    assert module == "prog" and name(top[1])[0] == "places::main", top


@pytest.mark.parametrize("flags", [[], ["-ldflags=-s -w"], ["-ldflags=-s -w", "-buildmode=pie"]],
                         ids=["whole", "stripped", "stripped-pie"])
def test_go(tmp_path, flags):
    mp.need_command("go")
    run("go", "build", *flags, "-o", tmp_path / "prog", SRC / "places.go",
        env=dict(os.environ, CGO_ENABLED="0", GOFLAGS="-mod=mod", GO111MODULE="off"))
    path = record(tmp_path, [str(tmp_path / "prog")])
    top = stacks(path)[0]
    assert [name(f) for f in top[:3]] == [("main.(*box).touchAll", "prog"), ("main.main", "prog"),
                                          ("runtime.main", "prog")]
    assert sources(path)["main.main"] == ("go" if flags else "symtab")


def test_node(tmp_path):
    mp.need_command("node")
    argv = ["node", "--perf-basic-prof", str(SRC / "places.js")]
    pids = []
    path = record(tmp_path, argv, after=lambda w: pids.append(w.pid), cwd=tmp_path)
    os.unlink(f"/tmp/perf-{pids[0]}.map")
    top = next(s for s in stacks(path) if any("touchAll" in f for f in s))
    assert any(f.startswith("JS:") and "touchAll" in f and "places.js" in f for f in top), top
    assert any(f.startswith("Builtins_") and f.endswith("(node)") for f in top), top
    assert any(f.startswith("node::") and f.endswith("(node)") for f in top), top


def test_node_in_a_container(tmp_path):
    """Another PID namespace and another /tmp: its map has its own number, in its own root."""
    mp.need_command("node")
    argv = ["unshare", "-m", "-p", "--fork", "--mount-proc", "sh", "-c",
            f"mount -t tmpfs none /tmp && cd / && exec node --perf-basic-prof {SRC / 'places.js'}"]
    mp.need_bpf()
    path = tmp_path / "r.mprof"
    with mp.Workload(None, argv=argv) as w:
        (child,) = pathlib.Path(f"/proc/{w.pid}/task/{w.pid}/children").read_text().split()
        with mp.Recording(child, path) as r:
            w.go()
            assert w.out.next() == "step touched"
            r.stop()
        os.kill(int(child), 9)
    assert not os.path.exists(f"/tmp/perf-{child}.map")
    assert any(f.startswith("JS:") and "touchAll" in f for s in stacks(path) for f in s), stacks(path)


def test_java(tmp_path):
    mp.need_command("java")
    run("javac", "-d", tmp_path, SRC / "Places.java")
    pids = []

    def write_map(w):
        pids.append(w.pid)
        run("jcmd", w.pid, "Compiler.perfmap")

    argv = ["java", "-XX:+PreserveFramePointer", "-Xmx64m", "-cp", str(tmp_path), "Places"]
    path = record(tmp_path, argv, after=write_map)
    os.unlink(f"/tmp/perf-{pids[0]}.map")
    frames = {name(f) for s in stacks(path) for f in s}
    assert [m for f, m in frames if "libjvm" in m and "::" in f], frames
    assert sources(path).get(next(f for f, m in frames if not m and f[:2] != "0x")) == "perf-map"


def split(prog):
    """Takes the symbols of a program out into prog.debug."""
    run("objcopy", "--only-keep-debug", prog, f"{prog}.debug")
    run("strip", "--strip-all", prog)


def test_gnu_debugdata(tmp_path):
    """As Fedora makes it: symbols of functions that .dynsym has not, packed with xz."""
    prog = cc(tmp_path / "prog", "-rdynamic")
    funcs = {}
    for kind, flags in (("dyn", ["-D"]), ("all", [])):
        out = subprocess.run(["nm", *flags, "--defined-only", "-f", "posix", prog], check=True, capture_output=True,
                             text=True).stdout
        funcs[kind] = {ln.split()[0] for ln in out.splitlines() if ln.split()[1] in "tTwW"}
    (tmp_path / "keep").write_text("\n".join(sorted(funcs["all"] - funcs["dyn"])) + "\n")
    split(prog)
    run("objcopy", "-S", f"--keep-symbols={tmp_path / 'keep'}", f"{prog}.debug", tmp_path / "mini")
    run("xz", tmp_path / "mini")
    run("objcopy", "--add-section", f".gnu_debugdata={tmp_path / 'mini.xz'}", prog)
    path = record(tmp_path, [prog])
    assert [name(f) for f in stacks(path)[0][:3]] == [("touch_pages", "prog"), ("call_touch", "prog"), ("main", "prog")]
    got = sources(path)
    assert got["touch_pages"] == "debugdata" and got["main"] == "dynsym", got


def build_id(prog):
    out = subprocess.run(["readelf", "-n", prog], check=True, capture_output=True, text=True).stdout
    return out.partition("Build ID: ")[2].split()[0]


def with_debug_file(b, debug):
    """Runs what follows where a debug file is installed for that build-id."""
    return [*MOUNT, "mount -t tmpfs none /usr/lib/debug && mkdir -p /usr/lib/debug/.build-id/" + b[:2] +
            f" && cp {debug} /usr/lib/debug/.build-id/{b[:2]}/{b[2:]}.debug && exec \"$@\"", "sh"]


def test_debug_file(tmp_path):
    """Recorded without symbols; named when it is read where the debug file is."""
    prog = cc(tmp_path / "prog")
    split(prog)
    path = record(tmp_path, [prog])
    assert all(f.startswith("prog+0x") for f in stacks(path)[0][:3]), stacks(path)[0]
    build = build_id(prog)
    where = with_debug_file(build, f"{prog}.debug")
    want = [("touch_pages", "prog"), ("call_touch", "prog"), ("main", "prog")]
    assert [name(f) for f in stacks(path, wrap=where)[0][:3]] == want
    os.unlink(prog)  # the file itself is not needed for that
    assert [name(f) for f in stacks(path, wrap=where)[0][:3]] == want
    other = cc(tmp_path / "other", "-DTOUCH=another")
    wrong = with_debug_file(build, other)  # installed under a build-id that is not its own
    assert all(f.startswith("prog+0x") for f in stacks(path, wrap=wrong)[0][:3])


def test_read_elsewhere(tmp_path):
    """Left unnamed, then the program is replaced: its addresses are not named by another's table."""
    prog = cc(tmp_path / "prog")
    keep = shutil.copy(prog, tmp_path / "keep")
    path = record(tmp_path, [prog], "--symbols=off")
    assert not sources(path)
    assert name(stacks(path)[0][0]) == ("touch_pages", "prog")
    unnamed = stacks(path, "--symbols=off")[0][:3]
    assert all(f.startswith("prog offset 0x") for f in unnamed), unnamed
    os.unlink(prog)
    assert stacks(path)[0][:3] == unnamed
    cc(tmp_path / "prog", "-DTOUCH=wrong", "-O2")
    assert stacks(path)[0][:3] == unnamed
    os.unlink(prog)
    shutil.copy(keep, prog)  # nobody told which build it was: not trusted
    assert stacks(path)[0][:3] == unnamed
    path.unlink()
    path = record(tmp_path, [prog])
    want = stacks(path)
    os.unlink(prog)
    assert stacks(path) == want  # named in the recording: nothing else is needed


def test_deleted(tmp_path):
    prog = cc(tmp_path / "prog")
    path = record(tmp_path, [prog], between=lambda w: os.unlink(prog))
    assert name(stacks(path)[0][0]) == ("touch_pages", "prog")


def test_replaced_while_it_runs(tmp_path):
    prog = cc(tmp_path / "prog")

    def replace(_):
        os.unlink(prog)
        cc(prog, "-DTOUCH=wrong", "-O2")

    path = record(tmp_path, [prog], between=replace)
    assert name(stacks(path)[0][0]) == ("touch_pages", "prog")


def test_other_root(tmp_path):
    """A program in a mount namespace and root of its own: its paths say nothing here."""
    prog = cc(tmp_path / "prog", "-static")
    root = tmp_path / "root"
    root.mkdir()
    argv = ["unshare", "-m", "sh", "-c", f"mount -t tmpfs none {root} && cp {prog} {root}/inside && exec chroot {root} /inside"]
    path = record(tmp_path, argv)
    assert not list(root.iterdir())
    assert name(stacks(path)[0][0]) == ("touch_pages", "inside")


def test_overlay(tmp_path):
    """As in a container: what maps says of a file and what stat() says are not the same."""
    prog = cc(tmp_path / "prog", "-static")
    where = tmp_path / "layers"
    where.mkdir()
    argv = ["unshare", "-m", "sh", "-c",
            f"mount -t tmpfs none {where} && cd {where} && mkdir lower upper work root && cp {prog} lower/inside && "
            "mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work root && exec chroot root /inside"]
    assert name(stacks(record(tmp_path, argv))[0][0]) == ("touch_pages", "inside")


def holds(pid, path):
    """Has the process that file open, deleted or not?"""
    links = [os.readlink(f) for f in pathlib.Path(f"/proc/{pid}/fd").iterdir() if f.is_symlink()]
    return any(str(path) in f for f in links)


def test_command_that_removes_itself(tmp_path):
    """Its file is held from its first stacks on: nothing of it is left at the end."""
    mp.need_bpf()
    prog = cc(tmp_path / "prog")
    p = subprocess.Popen([mp.MEMPROF, "record", "-q", "-o", tmp_path / "r", "--", prog, "--gone"],
                         stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        mp.wait_until(lambda: holds(p.pid, prog), what="open file")
        p.communicate(b"\n", timeout=mp.DEADLINE)
    finally:
        mp.stop(p)
    assert p.returncode == 0 and not os.path.exists(prog)
    assert name(stacks(tmp_path / "r")[0][0]) == ("touch_pages", "prog")


def test_exec(tmp_path):
    """Two programs at the same addresses, one after the other in one process."""
    one = cc(tmp_path / "one", "-no-pie", "-DTOUCH=touch_one")
    two = cc(tmp_path / "two", "-no-pie", "-DTOUCH=touch_two")
    mp.need_bpf()
    path = tmp_path / "r"
    with mp.Workload(None, argv=["setarch", "-R", one, "--wait", two]) as w:
        with mp.Recording(w.pid, path) as r:
            w.step("start")  # of the second
            w.step("touched")
            r.stop()
    found = {name(f) for s in stacks(path) for f in s[:1]}
    assert ("touch_one", "one") in found and ("touch_two", "two") in found, found
    for s in stacks(path):
        names = [name(f) for f in s]
        if names[0] in (("touch_one", "one"), ("touch_two", "two")):
            assert names[1] == ("call_touch", names[0][1]), s


def test_off(tmp_path):
    prog = cc(tmp_path / "prog")
    path = record(tmp_path, [prog], "--symbols=off")
    dump = mp.memprof("dump", path, check=0).stdout
    assert " place" not in dump and " module" not in dump
    p = mp.memprof("record", "--symbols=maybe", "-p", "1")
    assert p.returncode == 64 and "auto or off" in p.stderr


def test_limit_of_files(tmp_path):
    """memprof takes what is allowed; the command has the limit it would have without."""
    mp.need_bpf()
    soft, hard = 300, resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    script = f"ulimit -Sn {soft}; exec {mp.MEMPROF} record -o {tmp_path / 'r'} -- " \
             "sh -c 'ulimit -Sn; grep \"Max open\" /proc/$PPID/limits'"
    out = subprocess.run(["sh", "-c", script], check=True, timeout=600, stdout=subprocess.PIPE).stdout.split()
    assert int(out[0]) == soft
    assert int(out[4]) == int(out[5]) == hard
