# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""make deb: built from a bare tree without network, accepted by lintian; installed, run, removed and purged in a
fresh Debian made by debootstrap, whose packages are kept in the build folder for the next time."""
import contextlib
import os
import pathlib
import re
import shutil
import subprocess

import mp
import pytest

NAMES = ["libmpgc-dev", "libmpgc1", "memprof"]
SUITE = "bookworm"
# What a root has besides a minimal system and what memprof itself depends on: for the packages' own
# smoke test, and the one of several packages that makes users.
TOOLS = ["gcc", "libc6-dev", "pkg-config", "systemd-standalone-sysusers"]
# Minutes of work, beside tests that measure live processes.
NICE = ["nice", "-n", "10"]
# In a mount namespace of its own, which ends with it.
INSIDE = ["unshare", "-m", "sh", "-c",
          'mount -t proc proc "$0/proc" && mount --rbind /sys "$0/sys" && exec chroot "$0" "$@"']
# What dpkg, and who makes a user, keep of their work.
TRACES = r"var/(lib/dpkg|log|cache)/|etc/(passwd|group|shadow|gshadow)-$|etc/\.pwd\.lock$|etc/subu?gid-?$"


def run(*args, code=0, **kw):
    p = subprocess.run([str(a) for a in args], capture_output=True, text=True, errors="replace", check=False,
                       timeout=20 * mp.DEADLINE, stdin=subprocess.DEVNULL, **kw)
    assert p.returncode == code, f"{args}: {p.returncode}\n{p.stdout[-4000:]}\n{p.stderr[-4000:]}"
    return p.stdout


@pytest.fixture(scope="module")
def debs(tmp_path_factory):
    """The packages by name. What is not in git, a folder beside the tree and the network are not there."""
    for command in "dpkg-buildpackage", "dh", "lintian":
        mp.need_command(command)
    tree = tmp_path_factory.mktemp("tree")
    names = run("git", "ls-files", "-z", cwd=mp.ROOT).split("\0")[:-1]
    for name in names:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(mp.ROOT / name, tree / name, follow_symlinks=False)
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    env.update(DEB_BUILD_OPTIONS="nocheck noautodbgsym parallel=1", DEB_BUILD_PROFILES="nocheck")
    run(*NICE, "unshare", "-n", "make", "-s", "deb", "B=out", cwd=tree, env=env)
    assert {p.name for p in tree.iterdir()} == {n.split("/")[0] for n in names} | {"out"}, "built in its own folder"
    out = {p.name.split("_")[0]: p for p in (tree / "out/deb").glob("*.deb")}
    assert sorted(out) == NAMES
    yield out
    shutil.rmtree(tree)


def field(deb, name):
    return run("dpkg-deb", "-f", deb, name).strip()


def first_of(depends):
    """Names of packages: the first of each alternative."""
    return [re.match(r"[a-z0-9.+-]+", part.strip()).group() for part in depends.split(",") if part.strip()]


@pytest.fixture(scope="module")
def root(debs, tmp_path_factory):
    """A minimal Debian with what the packages say they need, and gcc."""
    mp.need_command("debootstrap")
    cache = mp.BUILD / "debootstrap"
    cache.mkdir(parents=True, exist_ok=True)
    needs = set(TOOLS)
    for deb in debs.values():
        needs |= set(first_of(field(deb, "Depends") + "," + field(deb, "Pre-Depends")))
    needs -= {*NAMES, "systemd"}
    d = tmp_path_factory.mktemp("root")
    run(*NICE, "debootstrap", "--variant=minbase", f"--cache-dir={cache}", f"--include={','.join(sorted(needs))}", SUITE, d)
    yield d
    shutil.rmtree(d)


def inside(root, *args, **kw):
    return run(*INSIDE, root, *args, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive",
                                          "LC_ALL": "C.UTF-8", "HOME": "/root"}, **kw)


def files(root):
    return {str(pathlib.Path(d, n).relative_to(root)) for d, _, names in os.walk(root) for n in (*names, "")}


# --- the packages --------------------------------------------------------------------------


def test_lintian(debs):
    changes = next(debs["memprof"].parent.glob("*.changes"))
    p = subprocess.run([*NICE, "lintian", "--allow-root", "--show-overrides", str(changes)],
                       capture_output=True, text=True, check=False)
    # the status is 2 for what is overridden, too, when that is shown
    assert p.returncode in (0, 2) and not re.search("^[EW]:", p.stdout, re.M), p.stdout + p.stderr
    assert "O: memprof source: source-is-missing" in p.stdout, "it looked at all of it"
    for path in (mp.ROOT / "debian").rglob("*lintian-overrides"):
        lines = path.read_text().splitlines()
        for above, line in zip([""] + lines, lines):
            assert line.startswith("#") or above.startswith("#"), f"{path}: {line}: no reason is given"


def test_names(debs, tmp_path):
    """The library's package is named after its SONAME; programs and libraries are hardened."""
    for name, deb in debs.items():
        run("dpkg-deb", "-x", deb, tmp_path)
        assert field(deb, "Version") == run("dpkg-parsechangelog", "-l", mp.ROOT / "debian/changelog", "-S",
                                            "Version").strip(), name
    (lib,) = tmp_path.rglob("libmpgc.so.?")
    assert "SONAME" in run("readelf", "-d", lib)
    soname = re.search(r"SONAME.*\[libmpgc\.so\.(\d+)\]", run("readelf", "-d", lib)).group(1)
    assert f"libmpgc{soname}" in debs
    for elf in tmp_path / "usr/bin/memprof", lib, tmp_path / "usr/lib/memprof/memprof-node.node":
        text = run("readelf", "-dlW", elf)
        assert "BIND_NOW" in text and "GNU_RELRO" in text, elf
    assert "DYN" in run("readelf", "-h", tmp_path / "usr/bin/memprof"), "position-independent"


# --- a life ----------------------------------------------------------------------------------


def install(root, debs):
    (root / "debs").mkdir(exist_ok=True)
    for deb in debs.values():
        shutil.copy(deb, root / "debs")
    inside(root, "sh", "-c", "dpkg -i /debs/*.deb")
    shutil.rmtree(root / "debs")


def test_life(debs, root):
    """Installed, run, installed again over a changed config, removed, purged: nothing is left."""
    before = files(root)
    conf = root / "etc/memprof/memprof.conf"
    install(root, debs)
    assert "memprof (memprof)" in inside(root, "memprof", "--version")
    assert re.search(r"^memprof:", (root / "etc/passwd").read_text(), re.M), "the daemon's user"
    assert (root / "lib/systemd/system/memprof.service").exists()
    assert not list(root.glob("etc/systemd/system/*.wants/memprof.service")), "started by who wants it"
    shutil.copy(mp.ROOT / "debian/tests/smoke", root / "tmp/smoke")
    assert "collected\n" * 2 in inside(root, "/tmp/smoke")
    (root / "tmp/smoke").unlink()

    conf.write_text(conf.read_text() + "\n[target mine]\nexe = mine\n")
    install(root, debs)
    assert "mine" in conf.read_text()
    state = root / "var/lib/memprof/incidents/20260131T120000Z-mine-1"
    state.mkdir(parents=True)
    (state / "recording.mprof").touch()

    inside(root, "dpkg", "--remove", *NAMES)
    assert conf.exists() and (state / "recording.mprof").exists(), "kept until purged"
    assert not (root / "usr/bin/memprof").exists()
    inside(root, "dpkg", "--purge", *NAMES)
    after = files(root)
    assert not {f for f in after - before if not re.match(TRACES, f)}
    assert not {f for f in before - after if not re.match(TRACES, f)}


def test_live(debs, root):
    """Under this kernel: the packages' own test with probes."""
    mp.need_bpf()
    install(root, debs)
    shutil.copy(mp.ROOT / "debian/tests/live", root / "tmp/live")
    with contextlib.ExitStack() as stack:
        stack.callback(inside, root, "dpkg", "--purge", *NAMES)
        assert "RSS" in inside(root, "/tmp/live")
