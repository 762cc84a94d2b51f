-- SPDX-License-Identifier: Apache-2.0
-- A primary key and wider counts ("12345/12345"), which the original lacks.
CREATE TABLE IF NOT EXISTS cp_metric_cluster_status (
  cluster_id varchar(255) NOT NULL,
  kubelet_version varchar(64) DEFAULT NULL,
  node_cnt varchar(32) DEFAULT NULL,
  namespace_cnt varchar(32) DEFAULT NULL,
  pv_cnt varchar(32) DEFAULT NULL,
  pvc_cnt varchar(32) DEFAULT NULL,
  pod_cnt varchar(32) DEFAULT NULL,
  cpu_ratio float DEFAULT NULL,
  mem_ratio float DEFAULT NULL,
  update_time varchar(255) NOT NULL,
  PRIMARY KEY (cluster_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci
