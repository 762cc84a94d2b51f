-- SPDX-License-Identifier: Apache-2.0
CREATE TABLE IF NOT EXISTS cp_chaos_resource_usage (
  resource_id bigint NOT NULL,
  measurement_time varchar(100) NOT NULL,
  cpu bigint NOT NULL,
  memory bigint NOT NULL,
  app_status tinyint(1) DEFAULT NULL,
  PRIMARY KEY (resource_id, measurement_time),
  CONSTRAINT fk_cp_chaos_usage_resource FOREIGN KEY (resource_id) REFERENCES cp_chaos_resource (resource_id)
    ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci
