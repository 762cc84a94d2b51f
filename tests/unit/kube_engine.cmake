# SPDX-License-Identifier: Apache-2.0
cp_unit_test(test_kube_vectors SOURCES test_kube_vectors.c kube_engine.c USES kube base)
cp_unit_test(test_json_scan SOURCES test_json_scan.c USES base)
cp_unit_test(test_kube_diff SOURCES test_kube_diff.c kube_engine.c kube_random.c kube_reference.c USES kube base)
cp_unit_test(test_kube_list SOURCES test_kube_list.c kube_engine.c kube_random.c kube_reference.c USES kube base)
cp_unit_test(test_kube_quantity SOURCES test_kube_quantity.c USES kube base LINKS m)
# CPU per pod, by hand: not a test.
add_executable(bench_kube_list EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/tests/bench/bench_kube_list.c)
target_link_libraries(bench_kube_list PRIVATE cp_flags kube base Threads::Threads)
