-- SPDX-License-Identifier: Apache-2.0
INSERT IGNORE INTO cpx_change (topic, seq) VALUES ('users', 0), ('clusters', 0), ('secrets', 0)
