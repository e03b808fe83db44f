# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""make install: everything in its place, and a program can be built against it."""
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
    for name in ["usr/bin/memprof", "usr/lib/libmpgc.a", "usr/lib/libmpgc.so", "usr/lib/libmpgc.so.0",
                 "usr/lib/pkgconfig/mpgc.pc", "usr/include/mpgc/gc.h", "usr/include/mpgc/gc_segment.h",
                 "usr/share/doc/memprof/README.md", "usr/share/doc/memprof/LICENSE",
                 "usr/share/man/man1/memprof.1"]:
        assert name in have, sorted(have)
    assert {p.split("/")[0] for p in have} == {"usr"}
    # the chain of library names leads to the file, by relative links
    lib = dest / "usr/lib"
    assert os.readlink(lib / "libmpgc.so") == "libmpgc.so.0"
    assert (lib / "libmpgc.so").resolve().name.startswith("libmpgc.so.0.")


def test_manual_pages_are_well_formed(dest):
    pages = list((dest / "usr/share/man").rglob("*.[135]"))
    assert pages
    for page in pages:
        text = page.read_text()
        assert re.search(r"^\.(TH|Dd)\b", text, re.M), page
        p = subprocess.run(["man", "--warnings", "-l", "-Tutf8", str(page)], capture_output=True,
                           text=True, env=dict(os.environ, MANPAGER="cat", MANWIDTH="80"), check=False)
        if p.returncode == 127:
            continue
        assert not p.stderr.strip(), f"{page.name}: {p.stderr}"


def test_installed_program_runs(dest):
    out = run(dest / "usr/bin/memprof", "--version", cwd="/")
    assert "memprof" in out


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
