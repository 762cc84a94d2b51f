-- SPDX-License-Identifier: Apache-2.0
CREATE TABLE IF NOT EXISTS cp_chaos_resource (
  resource_id bigint NOT NULL AUTO_INCREMENT,
  chaos_id bigint NOT NULL,
  resource_name varchar(100) NOT NULL,
  type enum('node','pod') NOT NULL,
  choice tinyint(1) NOT NULL,
  generate_name varchar(100) DEFAULT NULL,
  PRIMARY KEY (resource_id),
  KEY ix_cp_chaos_resource_chaos (chaos_id),
  CONSTRAINT fk_cp_chaos_resource_chaos FOREIGN KEY (chaos_id) REFERENCES cp_stress_chaos (chaos_id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci
