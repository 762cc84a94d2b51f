# SPDX-License-Identifier: Apache-2.0
"""Runs `cp-portal bench` against 200 pods of 12.5 KB on a real API server, MariaDB and issuer.

It fails when a row is missing or a request fails, never because a figure is large: figures are ratios to read.
"""
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
import rig  # noqa: E402

NAMESPACE = "bench"
PODS = 200
PADDING_BYTES = 9000  # with what the API server adds, a pod is then about as large as on a real cluster
ROWS = ("pod list", "own CPU", "pod detail", "p50, 1 connection", "refusal without token", "per second of one core",
        "users/clustersList", "CPU against the bare statement", "token check, remembered", "token check, new",
        "start to ready", "memory, idle", "memory, after")


def pod(number):
    made = rig.pod(NAMESPACE, f"bench-{number:03d}", {"app": "bench"})
    made["metadata"]["annotations"] = {"bench/padding": "x" * PADDING_BYTES}
    return made


def pods_run(kube):
    phases = kube.ctl("-n", NAMESPACE, "get", "pods", "-o", "jsonpath={.items[*].status.phase}").split()
    return len(phases) == PODS and set(phases) == {"Running"}


def main(seconds):
    parts = rig.Rig()
    try:
        parts.start()
        parts.kube.namespace(NAMESPACE)
        for first in range(0, PODS, 50):
            parts.kube.ctl("create", "--validate=false", "-f", "-", stdin=json.dumps(
                {"apiVersion": "v1", "kind": "List", "items": [pod(n) for n in range(first, first + 50)]}))
        rig.poll(120, "the pods", lambda: pods_run(parts.kube))
        size = len(parts.kube.ctl("get", "--raw", f"/api/v1/namespaces/{NAMESPACE}/pods"))
        print(f"{PODS} pods, {size / 1e6:.1f} MB; the load generator and the API server share the machine's cores")
        table = parts.a.cli("bench", "--cluster", parts.cluster, "--namespace", NAMESPACE, "--seconds", str(seconds))
        print(table)
        missing = [row for row in ROWS if not re.search(rf"^\s*{re.escape(row)}.* \d", table, re.MULTILINE)]
        return f"rows without a figure: {missing}" if missing else None
    finally:
        parts.close()


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["--smoke"]):
        sys.exit("usage: tests/bench/run [--smoke]")
    sys.exit(main(1 if sys.argv[1:] else 4))
