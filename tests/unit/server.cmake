# SPDX-License-Identifier: Apache-2.0
function(cp_server_test name)
  cp_unit_test(${name} SOURCES ${name}.c ${CMAKE_SOURCE_DIR}/tests/unit/srv_rig.c USES server base)
endfunction()

cp_server_test(test_server_http)
cp_server_test(test_server_gate)
cp_server_test(test_server_load)
cp_unit_test(test_server_config SOURCES test_server_config.c USES server base)
cp_server_test(test_server_parts)
