# SPDX-License-Identifier: Apache-2.0
"""clang-tidy over the product's sources. A file whose preprocessed text, checks and flags passed before is not read again."""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import shlex
import subprocess
import sys


def commands(build):
    root = os.getcwd()
    for entry in json.loads((pathlib.Path(build) / "compile_commands.json").read_text()):
        name = os.path.relpath(os.path.join(entry["directory"], entry["file"]), root)
        if not name.startswith(("tests/", "build/", "..")):
            yield name, shlex.split(entry["command"]), entry["directory"]


def key_of(argv, directory, config):
    keep, skip = [], False
    for arg in argv:
        if skip:
            skip = False
        elif arg in ("-o", "-MF", "-MT"):
            skip = True
        elif arg not in ("-c", "-MD"):
            keep.append(arg)
    text = subprocess.run(keep + ["-E"], cwd=directory, capture_output=True, check=True).stdout
    return hashlib.sha256(config + repr(keep).encode() + text).hexdigest()


def tidy(name, argv, directory, build, cache, config):
    stamp = cache / key_of(argv, directory, config)
    if stamp.exists():
        stamp.touch()
        return name, "", True
    run = subprocess.run(["clang-tidy-14", "--quiet", "-p", build, name], capture_output=True, text=True)
    if run.returncode == 0:
        stamp.touch()
        return name, "", False
    return name, run.stdout + run.stderr, False


def forget_old(cache, keep=5000):
    for old in sorted(cache.iterdir(), key=lambda p: p.stat().st_mtime, reverse=True)[keep:]:
        old.unlink(missing_ok=True)


def main(build, cache):
    cache = pathlib.Path(cache)
    cache.mkdir(parents=True, exist_ok=True)
    config = pathlib.Path(".clang-tidy").read_bytes()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(tidy, *c, build, cache, config) for c in commands(build)]
        done = [job.result() for job in jobs]
    forget_old(cache)
    bad = [(name, text) for name, text, _ in done if text]
    for name, text in bad:
        print(f"== {name}\n{text}")
    # The tail of the log is what a person sees first: one line a finding.
    lines = {line.replace(f"{os.getcwd()}/", "") for _, text in bad for line in text.splitlines() if " error: " in line}
    print("\n".join(sorted(lines)))
    print(f"{len(done)} files, {sum(1 for d in done if d[2])} known good, {len(bad)} with findings: {[n for n, _ in bad]}")
    return 1 if bad or not done else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
