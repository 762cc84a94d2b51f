# SPDX-License-Identifier: Apache-2.0
"""quickstart's download of release binaries, against a local file server with generated files.

What matters: only a file whose published checksum stands in the table is used, and nothing of any other file is.
"""
import hashlib
import http.server
import io
import os
import pathlib
import platform
import shutil
import subprocess
import tarfile
import threading

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
ARCH = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
SERVER = ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl"]
PATHS = {"kubernetes": "v9/server.tar.gz", "etcd": "v9/etcd.tar.gz", "kwok": "v9/kwok"}


def program(name):
    return f"#!/bin/sh\necho generated {name} \"$@\"\n".encode()


def tarball(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o755
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


class Place:
    """A copy of what quickstart needs, an empty cache, and a server of release files that notes what is asked for."""

    def __init__(self, tmp):
        self.root, self.cache, self.table = tmp / "checkout", tmp / "cache", tmp / "releases.txt"
        for part in ("quickstart", "deploy/quickstart", "deploy/kubernetes", "tests/rig"):
            source, target = ROOT / part, self.root / part
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(source, target) if source.is_dir() else shutil.copy2(source, target)
        self.files = {
            "kubernetes": tarball({f"kubernetes/server/bin/{n}": program(n) for n in SERVER}),
            "etcd": tarball({"etcd-v9-linux/etcd": program("etcd"), "etcd-v9-linux/README.md": b"text"}),
            "kwok": program("kwok"),
        }
        self.asked = []
        place = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                place.asked.append(self.path)
                body = place.answer(self.path)
                self.send_response(404 if body is None else 200)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, path):
        for component, name in PATHS.items():
            if path == f"/{component}/{name}":
                return self.files.get(component)
            if path == f"/{component}/{name}.sha256":  # a checksum from the same place proves nothing
                return hashlib.sha256(self.files[component]).hexdigest().encode()
        return None

    def digests(self):
        return {"kubernetes": "sha512:" + hashlib.sha512(self.files["kubernetes"]).hexdigest(),
                "etcd": "sha256:" + hashlib.sha256(self.files["etcd"]).hexdigest(),
                "kwok": "sha256:" + hashlib.sha256(self.files["kwok"]).hexdigest()}

    def write_table(self, published="https://releases.invalid/checksums", arch=ARCH, **changed):
        rows = {**self.digests(), **changed}
        self.table.write_text("# a table\n" + "".join(
            f"file {c} v9 {arch} {PATHS[c]} {digest} {published}\n" for c, digest in rows.items() if digest))

    def run(self, programs="download", action="programs"):
        env = {**os.environ, "RIG_HOME": str(self.cache), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        done = subprocess.run(
            [str(self.root / "quickstart"), action, "--programs", programs, "--release-base-url", self.url,
             "--releases", str(self.table)], env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout + done.stderr

    def call(self, *args):
        return subprocess.run([str(self.root / ".run/bin/kall"), *args], capture_output=True, text=True, timeout=10)

    def nothing_kept(self):
        assert not (self.root / ".run/bin/kall").exists()
        assert not [p for p in self.cache.rglob("*") if p.is_file() and p.stat().st_size > 0]


@pytest.fixture
def place(tmp_path):
    it = Place(tmp_path)
    yield it
    it.server.shutdown()
    it.server.server_close()


def test_right_checksums_are_used_once(place):
    place.write_table()
    status, said = place.run()
    assert status == 0, said
    assert "checksums as published" in said
    for name in ["etcd", *SERVER, "kwok"]:
        assert place.call(name, "--flag").stdout == f"generated {name} --flag\n"
    assert len(place.asked) == 3
    status, said = place.run()
    assert status == 0 and "as before" in said
    shutil.rmtree(place.root / ".run")
    status, said = place.run(programs="cache")
    assert status == 0 and "downloaded before" in said
    assert place.call("kubectl", "x").stdout == "generated kubectl x\n"
    assert len(place.asked) == 3


@pytest.mark.parametrize("component", ["kubernetes", "etcd", "kwok"])
@pytest.mark.parametrize("programs", ["download", "auto"])
def test_wrong_checksum_is_refused(place, component, programs):
    place.write_table()
    place.files[component] += b"\n"  # changed after the table was made
    status, said = place.run(programs)
    assert status == 1, said
    assert "does not have the published checksum" in said and component in said
    assert "log:" in said and "do:" in said
    assert "building" not in said  # a forged file stops the run: it is not a reason to try the next source
    place.nothing_kept()


def test_wrong_kind_of_checksum_is_refused(place):
    place.write_table(etcd="md5:" + hashlib.md5(place.files["etcd"]).hexdigest())
    status, said = place.run()
    assert status == 1 and "must be sha256:... or sha512:..." in said
    place.nothing_kept()


@pytest.mark.parametrize("table", [{"arch": "otherarch"}, {"etcd": ""}, {"published": ""}])
def test_without_published_checksum_nothing_is_asked_for(place, table):
    place.write_table(**table)
    status, said = place.run()
    assert status == 1
    assert "no published checksum is known" in said
    assert place.asked == []
    place.nothing_kept()


@pytest.mark.parametrize("component", ["kubernetes", "etcd"])
def test_missing_file_says_which(place, component):
    place.write_table()
    del place.files[component]
    status, said = place.run()
    assert status == 1
    assert f"{component}: cannot be downloaded from {place.url}/{component}/" in said
    place.nothing_kept()


def test_kwok_is_not_required(place):
    place.write_table()
    del place.files["kwok"]
    status, said = place.run()
    assert status == 0, said
    assert place.call("kwok").returncode == 127


def test_archive_without_the_programs_is_refused(place):
    place.files["kubernetes"] = tarball({"kubernetes/LICENSES": b"text"})
    place.write_table()
    status, said = place.run()
    assert status == 1 and "cannot be unpacked" in said
    assert not (place.root / ".run/bin/kall").exists()


def test_server_not_there(place):
    place.write_table()
    place.server.shutdown()
    place.server.server_close()
    status, said = place.run()
    assert status == 1 and "cannot be downloaded" in said
    place.nothing_kept()


def test_shipped_table_names_a_source_for_every_file():
    rows = [line.split() for line in (ROOT / "deploy/quickstart/releases.txt").read_text().splitlines()]
    rows = [row for row in rows if row and row[0] == "file"]
    assert {(r[1], r[3]) for r in rows} == {(c, a) for c in PATHS for a in ("amd64", "arm64")}
    for row in rows:
        algorithm, digest = row[5].split(":")
        assert len(bytes.fromhex(digest)) == hashlib.new(algorithm).digest_size
        assert row[6].startswith("https://") and len(row) == 7


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="no shellcheck")
def test_shell_scripts_are_clean():
    scripts = [ROOT / "quickstart", *sorted((ROOT / "deploy/quickstart").glob("*.sh")), *sorted((ROOT / "tests/rig").rglob("*.sh"))]
    done = subprocess.run(["shellcheck", "-x", *map(str, scripts)], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("arguments,text", [
    (["--nonsense"], "unknown argument --nonsense"),
    (["--programs", "anywhere"], "unknown source anywhere"),
    (["--kubeconfig"], "needs a value"),
    (["--kubeconfig", "/nonexistent/config"], "cannot read /nonexistent/config"),
])
def test_bad_arguments(place, arguments, text):
    done = subprocess.run([str(place.root / "quickstart"), *arguments], capture_output=True, text=True, timeout=10)
    assert done.returncode == 2 and text in done.stderr
    assert not (place.root / ".run").exists()


def test_path_with_a_blank_is_refused(place):
    moved = place.root.parent / "a folder"
    place.root.rename(moved)
    done = subprocess.run([str(moved / "quickstart"), "--detach"], capture_output=True, text=True, timeout=10)
    assert done.returncode == 2 and "path may hold only" in done.stderr
    assert not (moved / ".run").exists()


def test_status_and_reset_of_nothing(place):
    place.write_table()
    for action, status, text in [("status", 3, "never run"), ("stop", 0, ""), ("reset", 1, "nothing to reset")]:
        code, said = place.run(action=action)
        assert code == status and text in said
    assert not (place.root / ".run").exists()
