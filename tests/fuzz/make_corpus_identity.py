#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seeds of fuzz_identity: one byte that chooses the parser, then a token, a key set or a form. Nothing here is signed."""
import base64
import json
import pathlib

FOLDER = pathlib.Path(__file__).resolve().parent / "corpus" / "fuzz_identity"


def b64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def token(header: str, payload: str = '{"sub":"a"}', signature: bytes = bytes(64)) -> bytes:
    return b".".join((b64url(header.encode()), b64url(payload.encode()), b64url(signature)))


def key(**members) -> bytes:
    n = b64url(b"\xc1" + b"\x55" * 254 + b"\x01").decode()
    return json.dumps({"keys": [{"kty": "RSA", "use": "sig", "kid": "a", "n": n, "e": "AQAB"} | members]}).encode()


SEEDS = {
    "token-hs512": (0, token('{"alg":"HS512","kid":"k"}')),
    "token-rs256": (0, token('{"alg":"RS256","typ":"JWT","kid":"k"}', signature=bytes(256))),
    "token-none": (0, token('{"alg":"none"}', signature=b"")),
    "token-twice": (0, token('{"alg":"HS512","\\u0061lg":"none"}')),
    "token-crit": (0, token('{"alg":"HS512","crit":["exp"]}')),
    "token-nul": (0, token('{"alg":"HS512"}', '{"sub":"a\\u0000"}')),
    "token-dots": (0, b"a..b.c"),
    "keys-good": (1, key()),
    "keys-enc": (1, key(use="enc")),
    "keys-small": (1, key(n="AQAB")),
    "keys-even": (1, key(e="AQAA")),
    "keys-none": (1, b'{"keys":[]}'),
    "form-good": (2, b"grant_type=password&client_id=c&username=a&password=%2B+x"),
    "form-twice": (2, b"a=1&%61=2"),
    "form-odd": (2, b"a&=b&%zz=%00"),
}

if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, (choice, body) in SEEDS.items():
        (FOLDER / name).write_bytes(bytes([choice]) + body)
