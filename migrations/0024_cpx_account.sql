-- SPDX-License-Identifier: Apache-2.0
-- Local accounts of the built-in issuer; the password only as scrypt result.
CREATE TABLE IF NOT EXISTS cpx_account (
  auth_id char(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  username varchar(255) NOT NULL,
  salt varbinary(64) NOT NULL,
  hash varbinary(64) NOT NULL,
  scrypt_n bigint NOT NULL,
  scrypt_r bigint NOT NULL,
  scrypt_p bigint NOT NULL,
  roles varchar(1024) NOT NULL,
  enabled tinyint(1) NOT NULL,
  created_at datetime NOT NULL,
  PRIMARY KEY (auth_id),
  UNIQUE KEY uk_cpx_account_username (username)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin
