-- SPDX-License-Identifier: Apache-2.0
-- One counter a topic, bumped in the transaction of each write: replicas learn from it that caches are old.
CREATE TABLE IF NOT EXISTS cpx_change (
  topic varchar(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  seq bigint NOT NULL,
  PRIMARY KEY (topic)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin
