-- SPDX-License-Identifier: Apache-2.0
CREATE TABLE IF NOT EXISTS cp_cloud_accounts (
  id bigint NOT NULL AUTO_INCREMENT,
  name varchar(100) NOT NULL,
  provider varchar(100) NOT NULL DEFAULT 'AWS',
  project varchar(100) DEFAULT NULL,
  region varchar(100) DEFAULT NULL,
  site varchar(100) DEFAULT NULL,
  created varchar(255) NOT NULL,
  last_modified varchar(255) NOT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci
