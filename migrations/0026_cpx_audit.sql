-- SPDX-License-Identifier: Apache-2.0
-- What was decided and changed, and by whom; append only.
CREATE TABLE IF NOT EXISTS cpx_audit (
  id bigint NOT NULL AUTO_INCREMENT,
  at datetime(6) NOT NULL,
  request_id varchar(64) NOT NULL,
  actor_issuer varchar(255) NOT NULL,
  actor_auth_id varchar(255) NOT NULL,
  actor_user_id varchar(255) NOT NULL,
  action varchar(64) NOT NULL,
  target varchar(600) NOT NULL,
  outcome varchar(64) NOT NULL,
  detail varchar(1000) NOT NULL,
  PRIMARY KEY (id),
  KEY ix_cpx_audit_at (at),
  KEY ix_cpx_audit_request (request_id),
  KEY ix_cpx_audit_actor (actor_auth_id, at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin
