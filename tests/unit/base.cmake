# SPDX-License-Identifier: Apache-2.0
foreach(what clock codec json memory text)
  cp_unit_test(test_base_${what} SOURCES test_base_${what}.c USES base)
endforeach()
