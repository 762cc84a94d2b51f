-- SPDX-License-Identifier: Apache-2.0
CREATE TABLE IF NOT EXISTS cp_cluster_ssh_key (
  id bigint NOT NULL AUTO_INCREMENT,
  name varchar(100) NOT NULL,
  provider varchar(100) NOT NULL DEFAULT 'AWS',
  created varchar(255) NOT NULL,
  last_modified varchar(255) NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY uk_cp_cluster_ssh_key_name (name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci
