-- SPDX-License-Identifier: Apache-2.0
-- A primary key, and bigint: nanocores pass 2^31 at 2.147 cores.
CREATE TABLE IF NOT EXISTS cp_metric_node_status (
  cluster_id varchar(255) NOT NULL,
  node_name varchar(255) NOT NULL,
  cpu_raw bigint DEFAULT NULL,
  mem_raw bigint DEFAULT NULL,
  cpu_ratio float DEFAULT NULL,
  mem_ratio float DEFAULT NULL,
  update_time varchar(255) NOT NULL,
  PRIMARY KEY (cluster_id, node_name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci
