#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seeds of fuzz_server: one byte that chooses the parser, then a request target, headers or a configuration file."""
import pathlib

FOLDER = pathlib.Path(__file__).resolve().parent / "corpus" / "fuzz_server"

SEEDS = {
    "target-plain": (0, b"/clusters/c1/namespaces/all/pods?limit=10&offset=0&searchName=demo"),
    "target-escapes": (0, b"/a%20b/%ED%95%9C/%2e%2e/%2F?a=%zz"),
    "target-params": (0, b"/a?limit=+7%20&limit=x&includeUsage=Yes&searchName=a&searchName=b%26+c"),
    "target-again": (0, b"/a?limit=x&offset&offset&offset&limit=1&offset&includeUsage&includeUsage"),
    "target-dots": (0, b"/a/..;/b//c/."),
    "target-slash": (0, b"/a/"),
    "target-absolute": (0, b"http://t/a"),
    "headers-plain": (1, b"Host:t\nAuthorization:Bearer a\nContent-Length:3\nPrefer:http-status\n"),
    "headers-both": (1, b"Host:t\nContent-Length:3\nTransfer-Encoding:chunked\n"),
    "headers-twice": (1, b"Host:t\nhost:u\n"),
    "headers-blank": (1, b"Host:t\nContent-Length :3\n"),
    "headers-coding": (1, b"Host:t\nContent-Encoding:gzip\nExpect:100-continue\n"),
    "config-plain": (2, b"version: 1\nportal:\n  listen: 127.0.0.1:0\nnet: {backlog: 99}\nidentity:\n  client_ids: [a, b]\n"),
    "config-twice": (2, b"version: 1\nlog: {level: info}\nlog.level: warn\n"),
    "config-alias": (2, b"version: 1\nlog: &a {level: info}\nnet: *a\n"),
    "config-deep": (2, b"version: 1\nlog: {level: {a: {b: {c: [[[]]]}}}}\n"),
    "config-documents": (2, b"version: 1\n---\nversion: 1\n"),
}

if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, (choice, body) in SEEDS.items():
        (FOLDER / name).write_bytes(bytes([choice]) + body)
