-- SPDX-License-Identifier: Apache-2.0
-- Widths are the original's; the unique key takes 191 characters of each id, since an index holds 3,072 bytes.
CREATE TABLE IF NOT EXISTS cp_users (
  id bigint NOT NULL AUTO_INCREMENT,
  cluster_id varchar(255) NOT NULL,
  user_id varchar(255) NOT NULL,
  user_auth_id varchar(255) NOT NULL,
  namespace varchar(255) NOT NULL,
  user_type varchar(32) NOT NULL,
  role_set_code varchar(255) NOT NULL,
  service_account_name varchar(255) NOT NULL,
  created varchar(255) NOT NULL,
  last_modified varchar(255) NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY uk_cp_users_right (cluster_id(191), namespace(191), user_auth_id(191), user_type),
  KEY ix_cp_users_auth_id (user_auth_id),
  KEY ix_cp_users_user_id (user_id),
  KEY ix_cp_users_cluster_type (cluster_id(191), user_type),
  KEY ix_cp_users_type (user_type),
  CONSTRAINT fk_cp_users_cluster FOREIGN KEY (cluster_id) REFERENCES cp_clusters (cluster_id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci
