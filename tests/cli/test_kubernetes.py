# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The DaemonSet's manifest against the published schemas of Kubernetes, and its config against memprof's own check."""
import copy
import json
import os
import re
import subprocess

import mp
import pytest
import yaml

MANIFEST = mp.ROOT / "share/kubernetes/memprof-daemonset.yaml"


@pytest.fixture(scope="module")
def complaints():
    """What the schemas say of a list of objects."""
    modules = str(mp.npm_packages())

    def check(objects):
        p = subprocess.run(["node", mp.ROOT / "tests/node/kubernetes.js"], input=json.dumps(objects), text=True,
                           capture_output=True, check=False, env=dict(os.environ, NODE_PATH=modules))
        assert p.returncode == 0, p.stderr[-2000:]
        return p.stdout.splitlines()

    return check


@pytest.fixture
def objects():
    return list(yaml.safe_load_all(MANIFEST.read_text()))


def of(objects, kind):
    (one,) = [o for o in objects if o["kind"] == kind]
    return one


def pod(objects):
    return of(objects, "DaemonSet")["spec"]["template"]["spec"]


def test_valid(objects, complaints):
    assert [o["kind"] for o in objects] == ["Namespace", "ConfigMap", "DaemonSet"]
    assert complaints(objects) == []


@pytest.mark.parametrize("spoil,word", [
    (lambda o: pod(o).update(hostPID="yes"), "hostPID"),
    (lambda o: pod(o).update(hostPid=True), "hostPid"),
    (lambda o: of(o, "DaemonSet")["spec"].pop("selector"), "selector"),
    (lambda o: pod(o)["containers"][0]["securityContext"]["capabilities"].update(add="BPF"), "add"),
    (lambda o: pod(o)["volumes"][1]["hostPath"].update(mode="0750"), "mode"),
    (lambda o: of(o, "ConfigMap").update(data=[]), "data"),
])
def test_mistakes_are_found(objects, complaints, spoil, word):
    """The test of the test."""
    spoiled = copy.deepcopy(objects)
    spoil(spoiled)
    found = complaints(spoiled)
    assert found and any(word in c for c in found), found


def test_rights(objects):
    """The capabilities of the daemon's own table, and nothing of the host that could be written but its own folders."""
    table = (mp.ROOT / "user/daemon/privileges.c").read_text()
    needed = {c.removeprefix("CAP_") for c in re.findall(r'"(CAP_\w+)", true', table)}
    (container,) = pod(objects)["containers"]
    caps = container["securityContext"]["capabilities"]
    assert set(caps["add"]) == needed and caps["drop"] == ["ALL"]
    host = {v["name"]: v["hostPath"]["path"] for v in pod(objects)["volumes"] if "hostPath" in v}
    writable = {host[m["name"]] for m in container["volumeMounts"] if m["name"] in host and not m.get("readOnly")}
    assert writable == {"/var/lib/memprof", "/run/memprof"}
    assert {v["name"] for v in pod(objects)["volumes"]} == {m["name"] for m in container["volumeMounts"]}


def test_config(objects, tmp_path):
    """It is one that the daemon takes, and serves metrics on loopback alone."""
    text = of(objects, "ConfigMap")["data"]["memprof.conf"]
    path = tmp_path / "memprof.conf"
    path.write_text(text)
    mp.memprof("daemon", "--check", "--config", path, check=0)
    assert re.search(r"^metrics = 127\.0\.0\.1:\d+$", text, re.M)
