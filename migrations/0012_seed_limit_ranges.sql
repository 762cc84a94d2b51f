-- SPDX-License-Identifier: Apache-2.0
-- The presets of the original's installer. Only into an empty table, so that a repeat changes nothing.
INSERT INTO cp_limit_ranges (id, name, type, resource, min, max, default_request, default_limit, created)
SELECT p.id, p.name, 'Container', p.resource, '-', '-', '-', p.amount,
       DATE_FORMAT(UTC_TIMESTAMP() + INTERVAL 9 HOUR, '%Y-%m-%d %H:%i:%s')
FROM (SELECT 1 AS id, 'cp-low-limitrange' AS name, 'cpu' AS resource, '100m' AS amount
      UNION ALL SELECT 2, 'cp-low-limitrange', 'memory', '500Mi'
      UNION ALL SELECT 3, 'cp-medium-limitrange', 'cpu', '300m'
      UNION ALL SELECT 4, 'cp-medium-limitrange', 'memory', '1500Mi'
      UNION ALL SELECT 5, 'cp-high-limitrange', 'cpu', '900m'
      UNION ALL SELECT 6, 'cp-high-limitrange', 'memory', '3Gi') p
WHERE NOT EXISTS (SELECT 1 FROM cp_limit_ranges)
