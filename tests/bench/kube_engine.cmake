# SPDX-License-Identifier: Apache-2.0
add_executable(bench_kube_list bench_kube_list.c)
target_link_libraries(bench_kube_list PRIVATE cp_flags kube base Threads::Threads)
