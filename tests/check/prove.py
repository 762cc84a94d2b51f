# SPDX-License-Identifier: Apache-2.0
"""Break the product on purpose and demand that the named test notices (design 9.11).

tests/sabotage/table.txt has one line a patch:   PATCH  KIND  NAME
  build        NAME is a text the failing build must show
  unit         NAME is a unit test, integration: a pytest -k expression; it must pass before the patch and fail with it

The tree is copied to build/prove/tree (its build folder stays, so only what a patch touches is built again). A patch that
does not apply, does not build (other kinds than build), or is not noticed is a failure.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ET

import results

ROOT = pathlib.Path.cwd()
WORK = ROOT / "build" / "prove"
TREE, BUILD = WORK / "tree", WORK / "build"
SABOTAGE = ROOT / "tests" / "sabotage"
JOBS = os.environ.get("JOBS", "2")


def table():
    for line in (SABOTAGE / "table.txt").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            patch, kind, name = line.split(None, 2)
            assert kind in ("build", "unit", "integration"), line
            yield patch, kind, name.strip()


def run(argv, log, cwd=TREE, **more):
    with open(log, "ab") as out:
        out.write(f"\n$ {' '.join(map(str, argv))}\n".encode())
        out.flush()
        return subprocess.run(list(map(str, argv)), cwd=cwd, stdout=out, stderr=out, stdin=subprocess.DEVNULL, **more).returncode


def copy_tree():
    """Bring build/prove/tree to the state of the checkout; unchanged files keep their times, so nothing is rebuilt for them."""
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], capture_output=True, check=True).stdout
    wanted = {name for name in names.decode().split("\0") if name and (ROOT / name).is_file()}
    TREE.mkdir(parents=True, exist_ok=True)
    for path in list(TREE.rglob("*")):
        if path.is_file() and str(path.relative_to(TREE)) not in wanted:
            path.unlink()
    for name in wanted:
        source, target = ROOT / name, TREE / name
        if not target.exists() or target.read_bytes() != source.read_bytes():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)


def build(log, *targets):
    if not (BUILD / "build.ninja").exists() and run(["cmake", "--preset", "dev", "-B", BUILD], log):
        return 1
    return run(["ninja", "-C", BUILD, f"-j{JOBS}", *targets], log)


def targets_of(kind, name):
    return {"build": [], "unit": [name], "integration": ["cp-portal"]}[kind]


def test(kind, name, log):
    """Does the test fail itself? One that cannot even begin proves nothing, and counts as an error of its own."""
    junit = WORK / "junit.xml"
    junit.unlink(missing_ok=True)
    env = {**os.environ, "CP_PORTAL_BIN": str(BUILD / "app" / "cp-portal")}
    env.pop("CP_TEST_DIR", None)
    if kind == "unit":
        status = run(["ctest", "--test-dir", BUILD, "--no-tests=error", "--timeout", "120", "-R", f"^{re.escape(name)}$",
                      "--output-on-failure", "--output-junit", junit], log)
    else:
        status = run([sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-c", "tests/integration/pytest.ini",
                      "tests/integration", "-k", name, "--junitxml", junit], log, env=env)
    if status == 0:
        return "passes"
    cases = list(ET.parse(junit).getroot().iter("testcase")) if junit.exists() else []
    return "fails" if any(case.find("failure") is not None for case in cases) else "cannot begin"


def touched(patch):
    return [line.split()[1].removeprefix("b/") for line in patch.read_text().splitlines() if line.startswith("+++ ")]


def sabotage(patch, kind, name, log):
    """Why the patch does not prove anything, or None."""
    argv = ["patch", "-p1", "--batch", "--no-backup-if-mismatch", "-F0", "-i", patch]
    if run(argv + ["--dry-run"], log):
        return "the patch does not apply"
    try:
        run(argv, log)
        built = build(log, *targets_of(kind, name))
        if kind == "build":
            return "the build passes" if built == 0 else None if name in log.read_text(errors="replace") else \
                f"the build fails, but not with: {name}"
        if built:
            return "the patched tree does not build"
        how = test(kind, name, log)
        return None if how == "fails" else f"the test {how}"
    finally:
        for file in touched(patch):
            shutil.copy(ROOT / file, TREE / file)


def baseline(rows, log):
    """Unpatched, everything builds and every named test passes: else its failure would prove nothing."""
    if build(log, *{target for _, kind, name in rows for target in targets_of(kind, name)}):
        return "the unpatched tree does not build"
    for name in sorted({name for _, kind, name in rows if kind == "unit"}):
        if test("unit", name, log) != "passes":
            return f"unpatched, {name} fails"
    names = sorted({name for _, kind, name in rows if kind == "integration"})
    if names and test("integration", " or ".join(f"({name})" for name in names), log) != "passes":
        return "unpatched, an integration test fails"
    return None


def main(only=None):
    rows = [row for row in table() if only is None or only in row[0]]
    listed = {row[0] for row in table()}
    bad = 0
    for patch in sorted(p.name for p in SABOTAGE.glob("*.patch")):
        if patch not in listed:
            results.add("prove", patch, "fail", "not in table.txt")
            bad += 1
    if not rows:
        print(f"no patch named {only}")
        return 1
    logs = WORK / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    for old in logs.iterdir():
        old.unlink()
    copy_tree()
    problem = baseline(rows, logs / "baseline.log")
    if problem:
        print(f"{problem}; log: {logs / 'baseline.log'}")
        results.add("prove", "baseline", "fail", problem)
        return 1
    for patch, kind, name in rows:
        log, t0 = logs / f"{patch}.log", time.monotonic()
        log.touch()
        problem = sabotage(SABOTAGE / patch, kind, name, log)
        results.add("prove", patch, "fail" if problem else "pass", problem or "")
        print(f"{'FAILS ' if problem else 'caught'} {patch}: {kind} {name} ({time.monotonic() - t0:.0f} s)"
              + (f": {problem}; log: {log}" if problem else ""), flush=True)
        bad += bool(problem)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
