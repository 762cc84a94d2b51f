-- SPDX-License-Identifier: Apache-2.0
CREATE TABLE IF NOT EXISTS cp_clusters (
  cluster_id varchar(255) NOT NULL,
  name varchar(255) DEFAULT NULL,
  cluster_type varchar(255) NOT NULL DEFAULT 'sub',
  provider_type varchar(50) NOT NULL DEFAULT 'AWS',
  description varchar(255) NOT NULL,
  status varchar(1) NOT NULL DEFAULT 'D',
  ssh_key varchar(100) DEFAULT NULL,
  created varchar(255) NOT NULL,
  last_modified varchar(255) NOT NULL,
  PRIMARY KEY (cluster_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci
