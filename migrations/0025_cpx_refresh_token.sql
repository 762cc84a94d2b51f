-- SPDX-License-Identifier: Apache-2.0
-- Refresh tokens of the built-in issuer, by their SHA-256. Times are Unix seconds.
CREATE TABLE IF NOT EXISTS cpx_refresh_token (
  token_sha256 binary(32) NOT NULL,
  auth_id char(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  client_id varchar(255) NOT NULL,
  session_id varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  auth_time_s bigint NOT NULL,
  expires_s bigint NOT NULL,
  revoked tinyint(1) NOT NULL,
  PRIMARY KEY (token_sha256),
  KEY ix_cpx_refresh_token_auth (auth_id),
  KEY ix_cpx_refresh_token_session (session_id),
  KEY ix_cpx_refresh_token_expires (expires_s)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin
