-- SPDX-License-Identifier: Apache-2.0
CREATE TABLE IF NOT EXISTS cp_limit_ranges (
  id bigint NOT NULL AUTO_INCREMENT,
  name varchar(255) DEFAULT NULL,
  type varchar(255) DEFAULT NULL,
  resource varchar(255) DEFAULT NULL,
  min varchar(255) DEFAULT NULL,
  max varchar(255) DEFAULT NULL,
  default_request varchar(255) DEFAULT NULL,
  default_limit varchar(255) DEFAULT NULL,
  created varchar(255) NOT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci
