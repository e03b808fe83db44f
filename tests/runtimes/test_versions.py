# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Every runtime that was fetched starts, and is the version its folder says."""
import rt


def agree(runtime):
    said = runtime.numbers()
    assert said[0] > 0
    if runtime.version != "installed":
        want = tuple(map(int, runtime.version.split(".")))
        assert said[:len(want)] == want


@rt.each("node")
def test_node(runtime):
    agree(runtime)


@rt.each("go")
def test_go(runtime):
    agree(runtime)


@rt.each("jdk")
def test_java(runtime):
    agree(runtime)


@rt.each("python")
def test_python(runtime):
    agree(runtime)


@rt.each("ruby")
def test_ruby(runtime):
    agree(runtime)


def test_there_are_runtimes():
    """`make check-runtimes` without `make runtimes` is no success."""
    assert [k for k in rt.PROGRAM if rt.versions(k)], f"nothing in {rt.folder()}: make runtimes"
