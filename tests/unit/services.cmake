# SPDX-License-Identifier: Apache-2.0
cp_unit_test(test_services_page SOURCES test_services_page.c USES services kube identity base)
target_include_directories(test_services_page PRIVATE ${CMAKE_SOURCE_DIR}/services)
cp_unit_test(test_services_model SOURCES test_services_model.c USES services base)
cp_unit_test(test_portal_policy SOURCES test_portal_policy.c USES portal services server identity base)
