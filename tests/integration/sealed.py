# SPDX-License-Identifier: Apache-2.0
"""Reads a sealed row of the database the way secrets/seal.c writes it, with the key file of the test's own server: so that a
test can sign with the real keys. Needs the package cryptography."""
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FORMAT = b"cp-portal sealed row 1\0"


def newest(rig, schema, prefix):
    """(name without prefix, bytes) of the newest secret whose path begins with @prefix."""
    row = rig.db.sql("SELECT path, key_id, HEX(nonce), HEX(ciphertext) FROM cpx_secret "
                     f"WHERE path LIKE '{prefix}%' ORDER BY path DESC LIMIT 1", schema)[0]
    path, key_id, nonce, sealed = row[0], row[1], bytes.fromhex(row[2]), bytes.fromhex(row[3])
    lines = (rig.folder / "secrets.key").read_text().splitlines()
    keys = dict(line.split(":", 1) for line in lines if ":" in line and not line.startswith("#"))
    aad = FORMAT + path.encode() + b"\0" + key_id.encode()
    return path[len(prefix):], AESGCM(bytes.fromhex(keys[key_id])).decrypt(nonce, sealed, aad)
