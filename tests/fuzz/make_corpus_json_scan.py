#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seeds of fuzz_json_scan from the contract's samples: two bytes that choose the case, then JSON."""
import json
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
KINDS = ("namespaces", "nodes", "pods", "deployments", "replicaSets", "services")
ODD = {
    "nul": b'{"items":[{"metadata":{"name":"a\\u0000","labels":{"\\u0000":"\\u0000"}}}]}',
    "escapes": b'{"it\\u0065ms":[{"metadat\\u0061":{"n\\u0061me":"\\ud83d\\ude00\xed\x95\x9c"}}],"metadata":{}}',
    "numbers": b'{"items":[{"spec":{"ports":[{"port":-0,"targetPort":1e5,"nodePort":1.50}]}}]}',
    "last": b'{"items":[{"status":{"containerStatuses":[{"state":{}},{"restartCount":1}],"phase":"running"}}],"metadata":{"a":[1]}}',
    "twice": b'{"items":[],"items":[]}',
    "cut": b'{"items":[{"metadata":{"name":"a',
    "deep": b"[" * 65 + b"]" * 65,
}


def main():
    folder = HERE / "corpus" / "fuzz_json_scan"
    folder.mkdir(parents=True, exist_ok=True)
    for number, kind in enumerate(KINDS):
        for path in sorted((HERE.parent / "contract" / kind).glob("a*.json")):
            vector = json.loads(path.read_text())
            head = bytes([number << 1 | (vector["view"] == "detail"), 0x0D])
            body = json.dumps(vector["in"], separators=(",", ":"), ensure_ascii=False).encode()
            (folder / ("%s-%s" % (kind.lower(), path.stem))).write_bytes(head + body)
    for name, body in ODD.items():
        (folder / ("odd-" + name)).write_bytes(bytes([0x0A if name == "numbers" else 0x04, 0x15]) + body)


if __name__ == "__main__":
    main()
