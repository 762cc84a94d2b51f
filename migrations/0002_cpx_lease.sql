-- SPDX-License-Identifier: Apache-2.0
-- Leases on database time (UTC). Runs before any other but the first, unrecorded and without the lease.
CREATE TABLE IF NOT EXISTS cpx_lease (
  name varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  owner varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  expires_at datetime(6) NOT NULL,
  PRIMARY KEY (name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin
