# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""make install: everything in its place, and a program can be built against it."""
import json
import os
import re
import subprocess

import mp
import pytest


def run(*args, **kw):
    p = subprocess.run([str(a) for a in args], capture_output=True, text=True, timeout=600,
                       check=False, **kw)
    assert p.returncode == 0, f"{args}\n{p.stdout[-3000:]}\n{p.stderr[-3000:]}"
    return p.stdout


@pytest.fixture(scope="module")
def dest(tmp_path_factory):
    """An installation in a folder of its own."""
    d = tmp_path_factory.mktemp("dest")
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    run("make", "-s", "install", f"DESTDIR={d}", "PREFIX=/usr", f"B={mp.BUILD}", cwd=mp.ROOT, env=env)
    return d


def files(d):
    return {str(p.relative_to(d)) for p in d.rglob("*") if not p.is_dir()}


def test_places(dest):
    have = files(dest)
    for name in ["usr/bin/memprof", "usr/lib/libmpgc.a", "usr/lib/libmpgc.so", "usr/lib/libmpgc.so.1",
                 "usr/lib/pkgconfig/mpgc.pc", "usr/include/mpgc/gc.h", "usr/include/mpgc/gc_segment.h",
                 "usr/share/doc/memprof/README.md", "usr/share/doc/memprof/LICENSE",
                 "usr/share/man/man1/memprof.1", "usr/share/man/man1/memprof-node.1",
                 "usr/lib/memprof/memprof-node.js", "usr/lib/memprof/memprof-node.node",
                 "usr/share/bash-completion/completions/memprof", "usr/share/zsh/site-functions/_memprof",
                 "usr/share/fish/vendor_completions.d/memprof.fish", "usr/lib/systemd/system/memprof.service",
                 "usr/lib/sysusers.d/memprof.conf", "usr/share/memprof/kubernetes/memprof-daemonset.yaml",
                 "usr/share/man/man5/memprof.conf.5", "usr/share/man/man8/memprof-daemon.8"]:
        assert name in have, sorted(have)
    assert {p for p in have if not p.startswith("usr/")} == {"etc/memprof/memprof.conf"}
    # the chain of library names leads to the file, by relative links
    lib = dest / "usr/lib"
    assert os.readlink(lib / "libmpgc.so") == "libmpgc.so.1"
    assert (lib / "libmpgc.so").resolve().name.startswith("libmpgc.so.1.")
    assert "[libmpgc.so.1]" in run("readelf", "-d", lib / "libmpgc.so")


def test_manual_pages_are_well_formed(dest):
    pages = list((dest / "usr/share/man").rglob("*.[1358]"))
    assert pages
    for page in pages:
        text = page.read_text()
        assert re.search(r"^\.(TH|Dd)\b", text, re.M), page
        p = subprocess.run(["man", "--warnings", "-l", "-Tutf8", str(page)], capture_output=True,
                           text=True, env=dict(os.environ, MANPAGER="cat", MANWIDTH="80"), check=False)
        if p.returncode == 127:
            continue
        assert not p.stderr.strip(), f"{page.name}: {p.stderr}"


def test_completions_are_those_of_the_program(dest):
    for shell, name in (("bash", "bash-completion/completions/memprof"), ("zsh", "zsh/site-functions/_memprof"),
                        ("fish", "fish/vendor_completions.d/memprof.fish")):
        assert (dest / "usr/share" / name).read_text() == mp.memprof("completion", shell, check=0).stdout


# What systemd-analyze says of the unit, from 0 (nothing is open) to 10. 2.4 with 252, most of it what the daemon
# is for: four capabilities, bpf(2), perf_event_open(2), all of /proc, the network for metrics (loopback alone).
EXPOSURE = 2.5


def test_unit(dest, tmp_path):
    """systemd finds nothing wrong with it, and little open."""
    mp.need_command("systemd-analyze")
    unit = dest / "usr/lib/systemd/system/memprof.service"
    text = unit.read_text()
    assert "@" not in re.sub(r"(?m)^#.*|@[a-z-]+\b(?!@)", "", text), "all places are filled in"
    assert "ExecStart=/usr/bin/memprof daemon --config /etc/memprof/memprof.conf\n" in text
    here = tmp_path / "memprof.service"
    here.write_text(text.replace("/usr/bin/memprof", f"{dest}/usr/bin/memprof"))
    p = subprocess.run(["systemd-analyze", "verify", "--man=no", here], capture_output=True, text=True, check=False)
    assert p.returncode == 0 and not re.search("memprof", p.stderr), p.stderr
    p = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", here], capture_output=True,
                       text=True, check=False, env=dict(os.environ, SYSTEMD_COLORS="0", LC_ALL="C.UTF-8"))
    score = float(re.search(r"Overall exposure level for memprof.service: ([\d.]+)", p.stdout).group(1))
    print(f"systemd-analyze security: {score}")
    assert score <= EXPOSURE, p.stdout


def test_unit_gives_what_the_daemon_needs(dest):
    """The capabilities are those that `doctor` names as needed, and no other can be had."""
    text = (dest / "usr/lib/systemd/system/memprof.service").read_text()
    table = (mp.ROOT / "user/daemon/privileges.c").read_text()
    needed = set(re.findall(r'"(CAP_\w+)", true', table))
    assert len(needed) == 4
    for key in "AmbientCapabilities", "CapabilityBoundingSet":
        assert set(re.search(rf"^{key}=(.*)", text, re.M).group(1).split()) == needed


def test_installed_program_runs(dest):
    out = run(dest / "usr/bin/memprof", "--version", cwd="/")
    assert "memprof" in out


def test_the_preload_is_found_and_loads(dest):
    """By the place of the program, so that an installation can be moved."""
    checks = json.loads(run(dest / "usr/bin/memprof", "doctor", "--json", cwd="/"))["checks"]
    (c,) = [c for c in checks if c["name"] == "memprof-node"]
    assert c["ok"]
    # the row of doctor has room for so much of it
    assert str(dest / "usr/lib/memprof/memprof-node.js").startswith(c["value"])
    mp.need_command("node")
    env = dict(os.environ, NODE_OPTIONS=f"--require={dest}/usr/lib/memprof/memprof-node.js", MEMPROF_NODE_DEBUG="1")
    code = "console.log(require('fs').readFileSync('/proc/self/maps', 'utf8').includes('/memfd:memprof-gc:1'))"
    assert run("node", "-e", code, env=env) == "true\n"


def test_config_is_a_valid_one_that_watches_nothing(dest):
    conf = dest / "etc/memprof/memprof.conf"
    p = mp.memprof("daemon", "--check", "--config", conf, check=0)
    assert "nothing is watched" in p.stderr
    assert conf.read_text() == mp.memprof("daemon", "--defaults", check=0).stdout


def test_a_changed_config_stays(tmp_path):
    """It is not overwritten by the next installation and not removed with the program."""
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    conf = tmp_path / "etc/memprof/memprof.conf"
    conf.parent.mkdir(parents=True)
    conf.write_text("[target mine]\nexe = mine\n")
    for target in "install", "uninstall":
        run("make", "-s", target, f"DESTDIR={tmp_path}", "PREFIX=/usr", f"B={mp.BUILD}", cwd=mp.ROOT, env=env)
        assert conf.read_text() == "[target mine]\nexe = mine\n"
    assert files(tmp_path) == {"etc/memprof/memprof.conf"}


def test_uninstall_leaves_nothing(tmp_path):
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    for target in "install", "uninstall":
        run("make", "-s", target, f"DESTDIR={tmp_path}", "PREFIX=/usr", f"B={mp.BUILD}", cwd=mp.ROOT, env=env)
        assert bool(files(tmp_path)) == (target == "install"), files(tmp_path)


PROGRAM = r"""
#include <mpgc/gc.h>
#include <mpgc/gc_segment.h>
#include <stdio.h>

struct node {
	struct node *next;
	long value;
};

int main(void)
{
	struct gc_options opts = GC_OPTIONS_INIT;
	struct gc_type_desc desc = GC_TYPE_INIT(.name = "node", .kind = GC_BITMAP64,
						.size = sizeof(struct node), .bitmap = 1);
	const struct gc_type *type;
	struct gc_mutator *m;
	struct gc_heap *heap;
	long sum = 0;

	if (gc_heap_create(&opts, &heap) || gc_mutator_attach(heap, &m) ||
	    gc_type_register(heap, &desc, &type))
		return 1;
	{
		struct node *list = NULL, *n = NULL;
		GC_FRAME(m, list, n);

		for (long i = 0; i < 100000; i++) {
			n = gc_alloc(m, type);
			n->value = i;
			n->next = list; /* just allocated: a plain store */
			list = n;
		}
		if (gc_collect(m, GC_FULL, 0))
			return 2;
		for (n = list; n; n = n->next)
			sum += n->value;
	}
	gc_mutator_detach(m);
	if (gc_heap_destroy(heap))
		return 3;
	printf("%ld\n", sum);
	return 0;
}
"""


def flags(dest, what):
    env = dict(os.environ, PKG_CONFIG_PATH=str(dest / "usr/lib/pkgconfig"),
               PKG_CONFIG_SYSROOT_DIR=str(dest))
    return run("pkg-config", *what, "mpgc", env=env).split()


def test_pkg_config(dest):
    env = dict(os.environ, PKG_CONFIG_PATH=str(dest / "usr/lib/pkgconfig"))
    assert run("pkg-config", "--modversion", "mpgc", env=env).strip()
    libs = run("pkg-config", "--libs", "mpgc", env=env)
    assert "-lmpgc" in libs
    static = run("pkg-config", "--static", "--libs", "mpgc", env=env)
    assert "-pthread" in static or "-lpthread" in static
    # the paths are those of this installation, not of an earlier build
    cflags = run("pkg-config", "--cflags", "--keep-system-cflags", "mpgc", env=env)
    assert cflags.split() == ["-I/usr/include"]


@pytest.mark.parametrize("how", ["shared", "static"])
def test_build_against_it(dest, tmp_path, how):
    src = tmp_path / "use.c"
    src.write_text(PROGRAM)
    cflags = flags(dest, ["--cflags", "--keep-system-cflags"])
    args = ["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", *cflags, src, "-o", tmp_path / "use"]
    if how == "shared":
        args += flags(dest, ["--libs", "--keep-system-libs"])
    else:
        args += [dest / "usr/lib/libmpgc.a", "-pthread", "-lm"]
    run(*args)
    env = dict(os.environ, LD_LIBRARY_PATH=str(dest / "usr/lib"))
    assert run(tmp_path / "use", env=env) == "4999950000\n"


def test_header_in_cxx(dest, tmp_path):
    """The public headers can be included from C++."""
    cxx = mp.shutil.which("c++") or mp.shutil.which("g++")
    if not cxx:
        pytest.skip("no C++ compiler")
    src = tmp_path / "use.cc"
    src.write_text("#include <mpgc/gc.h>\n#include <mpgc/gc_segment.h>\n")
    run(cxx, "-Wall", "-Wextra", "-Werror", *flags(dest, ["--cflags", "--keep-system-cflags"]),
        "-c", src, "-o", tmp_path / "use.o")


def test_library_exports_only_its_names(dest):
    """Nothing of the inside leaks out of the shared library."""
    out = run("nm", "-D", "--defined-only", (dest / "usr/lib/libmpgc.so").resolve())
    names = [w[2] for w in (ln.split() for ln in out.splitlines()) if len(w) == 3]
    assert names
    foreign = [n for n in names if not re.match(r"_?(mpgc|gc)_", n)]
    assert not foreign, foreign


def test_library_is_self_contained(dest):
    """The collector needs libc, nothing else."""
    out = run("readelf", "-d", (dest / "usr/lib/libmpgc.so").resolve())
    needed = re.findall(r"NEEDED.*\[(.*?)\]", out)
    assert all(re.match(r"lib(c|m|pthread)\.so|ld-linux", n) for n in needed), needed


def test_uninstall_leaves_what_others_put_there(tmp_path):
    """A folder that was named on the command line may be everybody's."""
    other = tmp_path / "usr/share/doc/other/copyright"
    other.parent.mkdir(parents=True)
    other.write_text("theirs")
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    for target in "install", "uninstall":
        run("make", "-s", target, f"DESTDIR={tmp_path}", "docdir=/usr/share/doc", f"B={mp.BUILD}", cwd=mp.ROOT, env=env)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [other]
