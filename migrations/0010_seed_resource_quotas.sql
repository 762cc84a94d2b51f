-- SPDX-License-Identifier: Apache-2.0
-- The presets of the original's installer. Only into an empty table, so that a repeat changes nothing.
INSERT INTO cp_resource_quotas (id, name, request_cpu, request_memory, limit_cpu, limit_memory, status, created)
SELECT p.id, p.name, '-', '-', p.cpu, p.memory,
       CONCAT('{"cpu":{"used":"200m","hard":"', p.cpu, '"}, "memory":{"used":"1800Mi","hard": "', p.memory, '"}}'),
       DATE_FORMAT(UTC_TIMESTAMP() + INTERVAL 9 HOUR, '%Y-%m-%d %H:%i:%s')
FROM (SELECT 1 AS id, 'cp-low-resourcequota' AS name, '2' AS cpu, '2Gi' AS memory
      UNION ALL SELECT 2, 'cp-medium-resourcequota', '4', '6Gi'
      UNION ALL SELECT 3, 'cp-high-resourcequota', '8', '12Gi') p
WHERE NOT EXISTS (SELECT 1 FROM cp_resource_quotas)
