-- SPDX-License-Identifier: Apache-2.0
CREATE TABLE IF NOT EXISTS cp_cluster_log (
  cluster_id varchar(255) NOT NULL,
  process_no int NOT NULL,
  log_message varchar(300) DEFAULT NULL,
  reg_timestamp varchar(30) DEFAULT current_timestamp(),
  PRIMARY KEY (cluster_id, process_no),
  CONSTRAINT fk_cp_cluster_log_cluster FOREIGN KEY (cluster_id) REFERENCES cp_clusters (cluster_id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci
