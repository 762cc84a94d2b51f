-- SPDX-License-Identifier: Apache-2.0
-- Which steps were applied, with the checksum of their text. Runs before any other, unrecorded and without the lease.
CREATE TABLE IF NOT EXISTS cpx_schema_migration (
  version int NOT NULL,
  name varchar(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  checksum char(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  applied_at datetime(6) NOT NULL,
  PRIMARY KEY (version)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin
