# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Completion in bash, zsh and fish: keys typed into a real shell on a terminal of its own, in which
`memprof` only notes what it was called with."""
import contextlib
import os
import pty
import re
import subprocess
import threading

import mp
import pytest

SHELLS = ["bash", "zsh", "fish"]
# Names from outside are not to reach the terminal as they are.
PS = r"""#!/bin/sh
printf '      7 ev\033]0;il\007\n   4242 node\n   5310 redis-server\n'
"""
NOTE = r"""#!/bin/sh
printf '%s\n' "$@" >"$NOTES/new"
mv "$NOTES/new" "$NOTES/called"
"""


def script(shell):
    return mp.memprof("completion", shell, check=0).stdout


class Shell:
    """An interactive shell in a folder with two files and programs of the test's own."""

    def __init__(self, shell, folder):
        self.folder, self.out = folder, b""
        self.bin, self.cwd = folder / "bin", folder / "cwd"
        self.bin.mkdir()
        (self.cwd / "rec.d").mkdir(parents=True)
        for name in "recorded.mprof", "rec.txt":
            (self.cwd / name).touch()
        for name, text in ("memprof", NOTE), ("ps", PS), ("zzprogram", "#!/bin/sh\n"):
            (self.bin / name).write_text(text)
            (self.bin / name).chmod(0o755)
        argv = getattr(self, shell)()
        env = {"PATH": f"{self.bin}:{os.environ['PATH']}", "TERM": "xterm", "LC_ALL": "C.UTF-8", "NOTES": str(folder),
               "HOME": str(folder), "ZDOTDIR": str(folder), "XDG_CONFIG_HOME": str(folder), "PS1": "READY> "}
        self.master, slave = pty.openpty()
        # in a session of its own, of which this is the terminal: fish insists on it
        self.proc = subprocess.Popen(["setsid", "-c", *argv], stdin=slave, stdout=slave, stderr=slave, cwd=self.cwd,
                                     env=env)
        os.close(slave)
        threading.Thread(target=self.read, daemon=True).start()
        mp.wait_until(lambda: b"READY> " in self.out, what=f"prompt of {shell}")

    def bash(self):
        (self.folder / "rc").write_text("source /usr/share/bash-completion/bash_completion\n" + script("bash") +
                                        "PS1='READY> '\nbind 'set enable-bracketed-paste off'\n")
        return ["bash", "--rcfile", str(self.folder / "rc"), "-i"]

    def zsh(self):
        (self.folder / "_memprof").write_text(script("zsh"))
        (self.folder / ".zshrc").write_text(f"fpath=({self.folder} $fpath)\nautoload -Uz compinit\ncompinit -u -D\n"
                                            "PS1='READY> '\n")
        return ["zsh", "-i"]

    def fish(self):
        (self.folder / "fish/completions").mkdir(parents=True)
        (self.folder / "fish/completions/memprof.fish").write_text(script("fish"))
        (self.folder / "fish/config.fish").write_text("function fish_prompt; printf 'READY> '; end\n"
                                                      "set -g fish_greeting ''\nset -g fish_autosuggestion_enabled 0\n")
        return ["fish", "-i"]

    def read(self):
        with contextlib.suppress(OSError):
            while data := os.read(self.master, 65536):
                self.out += data

    def typed(self, keys):
        """What memprof is called with after these keys and Return."""
        called = self.folder / "called"
        os.write(self.master, b"memprof " + keys.encode() + b"\r")
        mp.wait_until(called.exists, what=f"call after {keys!r}: {self.out[-2000:]!r}")
        args = called.read_text().split("\n")[:-1]
        called.unlink()
        return args

    def end(self):
        mp.stop(self.proc)
        os.close(self.master)


@pytest.fixture(scope="module", params=SHELLS)
def shell(request, tmp_path_factory):
    mp.need_command(request.param)
    s = Shell(request.param, tmp_path_factory.mktemp(request.param))
    yield s
    s.end()


@pytest.mark.parametrize("keys,args", [
    ("diag\t", "diagnose"),
    ("export --form\tperf\t", "export --format perfetto"),
    ("export --format=perf\t", "export --format=perfetto"),
    ("export --table coll\t", "export --table collections"),
    ("diagnose --fail-on heap-lea\t", "diagnose --fail-on heap-leak"),
    ("diagnose --fail-on bad,heap-lea\t", "diagnose --fail-on bad,heap-leak"),
    ("diagnose --fail-on=bad,heap-lea\t", "diagnose --fail-on=bad,heap-leak"),
    ("top --theme dar\t", "top --theme dark"),
    ("--theme dar\t", "--theme dark"),
    ("demo pinned-s\t", "demo pinned-slice"),
    ("replay reco\t", "replay recorded.mprof"),
    ("gclog rec.t\t", "gclog rec.txt"),
    ("top -i reco\t", "top -i recorded.mprof"),
    ("record -o rec.t\t", "record -o rec.txt"),
    ("record --gc-log au\t", "record --gc-log auto"),
    ("record --gc-log rec.t\t", "record --gc-log rec.txt"),
    ("-p 42\t", "-p 4242"),
    ("record --pid 53\t", "record --pid 5310"),
    ("-- zzprog\t", "-- zzprogram"),
    ("record -o x -- zzprog\t", "record -o x -- zzprogram"),
    ("completion fi\t", "completion fish"),
])
def test_typed(shell, keys, args):
    assert re.split("[ =]", " ".join(shell.typed(keys))) == re.split("[ =]", args)


def test_names_of_processes_reach_the_terminal_cleaned(shell):
    """Both are offered; the second Tab lists them."""
    before = len(shell.out)
    os.write(shell.master, b"memprof -p \t\t")
    mp.wait_until(lambda: b"redis-server" in shell.out[before:], what="names of processes")
    os.write(shell.master, b"\x03")
    assert b"]0;il\x07" not in shell.out[before:]


@pytest.mark.parametrize("name", SHELLS)
def test_complete(name):
    """Every command and option that --help shows is in the script, and no other; it has no mistakes of syntax."""
    text = script(name)
    mp.need_command(name)
    subprocess.run([name, "-n"], input=text, text=True, check=True)
    commands = re.findall(r"^  (\w+) ", mp.memprof("--help", check=0).stdout, re.M)
    assert {"top", "record", "demo"} <= set(commands)
    known = {"help", "version"}
    for c in commands:
        options = set(re.findall(r"^ *(?:-\w, )?--([a-z-]+)", mp.memprof(c, "--help", check=0).stdout, re.M))
        known |= options
        for o in options - {"usage", "help"}:
            if name == "bash":
                part = re.search(rf"^\t{c}\)\n(.*?)\n\t\t;;\n", text, re.M | re.S).group(1)
                assert re.search(rf"--{o}[ ']", part), (c, o)
            elif name == "zsh":
                part = re.search(rf"^\t{c}\)\n(.*?)\n\t\t;;\n", text, re.M | re.S).group(1)
                assert re.search(rf"'\*--{o}(=-?)?\[", part), (c, o)
            else:
                assert f"'__memprof_is {c}' -l {o} " in text, (c, o)
    said = set(re.findall(r"(?:(?<=[' |*])--|(?<=' -l ))([a-z][a-z-]+)(?=[ '=[])", text))
    assert said <= known, said - known
