-- SPDX-License-Identifier: Apache-2.0
CREATE TABLE IF NOT EXISTS cp_clusters_fed (
  id bigint NOT NULL AUTO_INCREMENT,
  cluster_id varchar(255) NOT NULL,
  cluster_fed_uid varchar(64) NOT NULL,
  cluster_fed_name varchar(128) NOT NULL,
  registered timestamp NOT NULL DEFAULT current_timestamp(),
  PRIMARY KEY (id),
  UNIQUE KEY uk_cluster (cluster_id),
  UNIQUE KEY uk_cluster_fed_uid (cluster_fed_uid),
  CONSTRAINT fk_cluster_id FOREIGN KEY (cluster_id) REFERENCES cp_clusters (cluster_id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci
