-- SPDX-License-Identifier: Apache-2.0
CREATE TABLE IF NOT EXISTS cp_vault_database_secret (
  id bigint NOT NULL AUTO_INCREMENT,
  name varchar(255) DEFAULT NULL,
  namespace varchar(255) DEFAULT NULL,
  app_name varchar(255) DEFAULT NULL,
  app_namespace varchar(255) DEFAULT NULL,
  db_type varchar(255) NOT NULL,
  status varchar(255) NOT NULL,
  flag varchar(255) NOT NULL,
  created varchar(255) NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY uk_cp_vault_database_secret_name (name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci
