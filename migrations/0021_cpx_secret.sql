-- SPDX-License-Identifier: Apache-2.0
-- Sealed values; the path is part of what is sealed.
CREATE TABLE IF NOT EXISTS cpx_secret (
  path varbinary(255) NOT NULL,
  key_id varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  nonce binary(12) NOT NULL,
  ciphertext blob NOT NULL,
  updated_at datetime(6) NOT NULL,
  PRIMARY KEY (path)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin
