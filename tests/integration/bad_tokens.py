# SPDX-License-Identifier: Apache-2.0
"""The tokens of bad_tokens.json, signed with the issuer's own key: what a server must refuse, and how.

The same table drives tests/unit/test_identity_tokens.c; a new row needs no code here or there.
Needs the package cryptography.
"""
import base64
import hashlib
import hmac
import json
import os
import pathlib
import re
import time
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

TABLE = pathlib.Path(__file__).with_name("bad_tokens.json")
TOKEN_MAX_BYTES = 16384

# portal contract 3.6: resultMessage, detailMessage
ANSWERS = {
    "INVALID": ("TOKEN_FAILED", "Invalid Credentials"),
    "MISSING": ("TOKEN_FAILED", "Token authentication failed"),
    "EXPIRED": ("TOKEN_EXPIRED", "Access Token has Expired"),
    "OK": (None, None),
}


@dataclass(frozen=True)
class Row:
    name: str
    authorization: str  # value of the header; "" means: do not send one
    result_message: str | None  # None: the token is good
    detail_message: str | None


def b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number64(n: int) -> str:
    return b64url(n.to_bytes((n.bit_length() + 7) // 8, "big"))


def thumbprint(key) -> str:
    """RFC 7638: the kid the built-in issuer gives to a key."""
    n = key.public_key().public_numbers()
    text = '{"e":"%s","kty":"RSA","n":"%s"}' % (number64(n.e), number64(n.n))
    return b64url(hashlib.sha256(text.encode()).digest())


class Maker:
    """Makes the tokens of the table around one person and one issuer."""

    def __init__(self, key_pem, issuer, client, subject, username, *, kid=None, enc_key_pem=None,
                 enc_kid=None, portal_key=None, portal_kid=None, now=None):
        self.key = _private(key_pem)
        self.enc = _private(enc_key_pem) if enc_key_pem else rsa.generate_private_key(65537, 2048)
        self.other = rsa.generate_private_key(65537, 2048)
        self.ec = ec.generate_private_key(ec.SECP256R1())
        self.portal_key = portal_key
        self.now = int(time.time()) if now is None else now
        self.marks = {
            "KID": kid or thumbprint(self.key), "ENC_KID": enc_kid or "key-for-encryption",
            "PORTAL_KID": portal_kid or "portal-key", "ISS": issuer, "ISS_UPPER": issuer.upper(),
            "CLIENT": client, "SUB": subject, "USERNAME": username,
            "now_ms": "%d000" % (self.now + 300),
        }

    def good(self, **claims) -> str:
        """A token that must be accepted, with some claims replaced."""
        return self._token({"claims": claims})

    def row(self, row) -> Row:
        token = self._token(row)
        header = row.get("authorization")
        header = f"Bearer {token}" if header is None else self._fill(header.replace("@TOKEN@", token))
        return Row(row["name"], header, *ANSWERS[row["expect"]])

    # --- texts ---

    def _fill(self, text: str) -> str:
        def value(m):
            name = m.group(1)
            if name == "OTHER_JWK":
                return json.dumps(self._jwk(self.other))
            if name.startswith("now") and name not in self.marks:
                return str(self.now + int(name[3:] or 0))
            return self.marks.get(name, m.group(0))
        return re.sub(r"@(now[-+]?\d*|\w+)@", value, text)

    def _jwk(self, key):
        n = key.public_key().public_numbers()
        return {"kid": self.marks["KID"], "kty": "RSA", "use": "sig", "n": number64(n.n), "e": number64(n.e)}

    def _claim(self, v):
        if isinstance(v, str):
            return int(self._fill(v)) if v.startswith("@now") else self._fill(v)
        if isinstance(v, list):
            return [self._claim(x) for x in v]
        if isinstance(v, dict):
            return {self._fill(k): self._claim(x) for k, x in v.items()}
        return v

    def _claims(self, row):
        m = self.marks
        claims = {"exp": self.now + 300, "iat": self.now, "auth_time": self.now, "jti": "j-1", "iss": m["ISS"],
                  "sub": m["SUB"], "typ": "Bearer", "azp": m["CLIENT"], "aud": m["CLIENT"],
                  "realm_access": {"roles": ["offline_access"]}, "preferred_username": m["USERNAME"]}
        claims.update(self._claim(row.get("claims", {})))
        for name in row.get("remove", []):
            claims.pop(name, None)
        return claims

    def _payload(self, row) -> bytes:
        if "payload" in row:
            return self._fill(row["payload"]).encode()
        if "payload_hex" in row:
            return bytes.fromhex(row["payload_hex"])
        return json.dumps(self._claims(row), separators=(",", ":")).encode()

    def _header(self, row) -> bytes:
        if "header" in row:
            return self._fill(row["header"]).encode()
        plain = '{"alg":"RS256","typ":"JWT","kid":"%s"' % self.marks["KID"]
        want = row.get("grow_header")
        if want:
            plain += ',"x":"%s"' % ("x" * (want - len(plain) - 8))
        return (plain + "}").encode()

    # --- signatures ---

    def _sign(self, how: str, data: bytes) -> bytes:
        pkcs1 = padding.PKCS1v15()
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
        pem = self.key.public_key().public_bytes(serialization.Encoding.PEM,
                                                 serialization.PublicFormat.SubjectPublicKeyInfo)
        ways = {
            "rs256": lambda: self.key.sign(data, pkcs1, hashes.SHA256()),
            "rs384": lambda: self.key.sign(data, pkcs1, hashes.SHA384()),
            "rs512": lambda: self.key.sign(data, pkcs1, hashes.SHA512()),
            "ps256": lambda: self.key.sign(data, pss, hashes.SHA256()),
            "es256": lambda: self.ec.sign(data, ec.ECDSA(hashes.SHA256())),
            "enc": lambda: self.enc.sign(data, pkcs1, hashes.SHA256()),
            "other": lambda: self.other.sign(data, pkcs1, hashes.SHA256()),
            "hs256_pem": lambda: hmac.digest(pem, data, "sha256"),
            "hs384_pem": lambda: hmac.digest(pem, data, "sha384"),
            "hs512_pem": lambda: hmac.digest(pem, data, "sha512"),
            "hs256_portal": lambda: hmac.digest(self.portal_key, data, "sha256"),
            "hs384_portal": lambda: hmac.digest(self.portal_key, data, "sha384"),
            "hs512_portal": lambda: hmac.digest(self.portal_key, data, "sha512"),
            "hs512_random": lambda: hmac.digest(os.urandom(64), data, "sha512"),
            "hs512_empty": lambda: hmac.digest(b"", data, "sha512"),
            "none": lambda: b"",
        }
        return ways[how]()

    def _parts(self, row, header: bytes, payload: bytes):
        h, p = b64url(header), b64url(payload)
        return h, p, b64url(self._sign(row.get("sign", "rs256"), f"{h}.{p}".encode()))

    def _grown(self, row, want: int) -> str:
        def token(extra):
            claims = self._claims(row) | {"x": "x" * extra}
            return ".".join(self._parts(row, self._header(row), json.dumps(claims, separators=(",", ":")).encode()))
        extra = (TOKEN_MAX_BYTES - len(token(0))) // 4 * 3 - 8
        last = None
        while len(t := token(extra)) <= TOKEN_MAX_BYTES:
            last, extra = t, extra + 1
        return t if want > TOKEN_MAX_BYTES else last

    def _token(self, row) -> str:
        if "grow_token" in row:
            return self._grown(row, row["grow_token"])
        h, p, s = self._parts(row, self._header(row), self._payload(row))
        return _mutate(row["mutate"], h, p, s, self) if "mutate" in row else f"{h}.{p}.{s}"


def _private(pem):
    return serialization.load_pem_private_key(pem if isinstance(pem, bytes) else pem.encode(), None)


def _flip(s: str) -> str:
    i = len(s) // 2
    return s[:i] + ("B" if s[i] == "A" else "A") + s[i + 1:]


def _noncanonical(s: str) -> str:
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return s[:-1] + digits[digits.index(s[-1]) | 1]


def _mutate(how: str, h: str, p: str, s: str, maker: Maker) -> str:
    whole, half = f"{h}.{p}.{s}", len(p) // 2
    return {
        "one_segment": lambda: p,
        "two_segments": lambda: f"{h}.{p}",
        "four_segments": lambda: f"{whole}.{s}",
        "five_segments": lambda: f"{whole}.{p}.{s}",
        "empty_header": lambda: f".{p}.{s}",
        "empty_payload": lambda: f"{h}..{s}",
        "empty_signature": lambda: f"{h}.{p}.",
        "leading_dot": lambda: f".{whole}",
        "trailing_dot": lambda: f"{whole}.",
        "double_dots": lambda: f"{h}..{p}.{s}",
        "pad_header": lambda: f"{h}=.{p}.{s}",
        "pad_payload": lambda: f"{h}.{p}=.{s}",
        "pad_signature": lambda: f"{h}.{p}.{s}==",
        "noncanonical_signature": lambda: f"{h}.{p}.{_noncanonical(s)}",
        "plain_base64": lambda: f"{h}.{p}.{s.replace('-', '+').replace('_', '/')}",
        "blank_inside": lambda: f"{h}.{p[:half]} {p[half:]}.{s}",
        "percent_inside": lambda: f"{h}.{p[:half]}%2e{p[half:]}.{s}",
        "flip_header": lambda: f"{_flip(h)}.{p}.{s}",
        "flip_payload": lambda: f"{h}.{_flip(p)}.{s}",
        "flip_signature": lambda: f"{h}.{p}.{_flip(s)}",
        "truncate_signature": lambda: f"{h}.{p}.{s[:-4]}",
        "extend_signature": lambda: f"{h}.{p}.{s}AAAA",
        "zero_signature": lambda: f"{h}.{p}.{b64url(bytes(256))}",
        "swap_signature": lambda: f"{h}.{p}.{maker.good(jti='j-2').rsplit('.', 1)[1]}",
        "truncate_token": lambda: whole[:len(whole) - len(whole) // 3],
    }[how]()


def table(maker: Maker, *, has_audience=False, good=False) -> list[Row]:
    """Every row that fits: those that need the portal's key or an audience rule only when there is one, those that are
    true for one second only never. What is left stays right for at least four minutes.

    good=True gives the rows that must be accepted instead of those that must be refused.
    """
    rows = []
    for row in json.loads(TABLE.read_text()):
        needs = row.get("needs", "")
        if needs == "clock" or (needs == "audience" and not has_audience) or (needs == "portal" and not maker.portal_key):
            continue
        if (row["expect"] == "OK") == good:
            rows.append(maker.row(row))
    assert good or len(rows) >= 60
    return rows
