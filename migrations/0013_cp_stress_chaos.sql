-- SPDX-License-Identifier: Apache-2.0
CREATE TABLE IF NOT EXISTS cp_stress_chaos (
  chaos_id bigint NOT NULL AUTO_INCREMENT,
  chaos_name varchar(100) NOT NULL,
  namespaces varchar(100) NOT NULL,
  creation_time varchar(100) NOT NULL,
  end_time varchar(100) NOT NULL,
  duration varchar(100) NOT NULL,
  PRIMARY KEY (chaos_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci
