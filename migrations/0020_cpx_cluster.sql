-- SPDX-License-Identifier: Apache-2.0
-- Where a cluster's API is and how its certificate is trusted: the side row of cp_clusters, which is never altered.
CREATE TABLE IF NOT EXISTS cpx_cluster (
  cluster_id varchar(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  api_url varchar(2048) NOT NULL,
  url_sha256 binary(32) NOT NULL,
  ca_pem text DEFAULT NULL,
  pinned_sha256 char(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  seen_sha256 char(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  trust_state varchar(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  detail varchar(255) NOT NULL DEFAULT '',
  updated_at datetime(6) NOT NULL,
  PRIMARY KEY (cluster_id),
  UNIQUE KEY uk_cpx_cluster_url (url_sha256)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin
