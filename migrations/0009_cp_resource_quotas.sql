-- SPDX-License-Identifier: Apache-2.0
CREATE TABLE IF NOT EXISTS cp_resource_quotas (
  id bigint NOT NULL AUTO_INCREMENT,
  name varchar(255) DEFAULT NULL,
  request_cpu varchar(255) DEFAULT NULL,
  request_memory varchar(255) DEFAULT NULL,
  limit_cpu varchar(255) DEFAULT NULL,
  limit_memory varchar(255) DEFAULT NULL,
  status varchar(255) DEFAULT NULL,
  created varchar(255) NOT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci
