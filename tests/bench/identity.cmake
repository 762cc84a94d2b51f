# SPDX-License-Identifier: Apache-2.0
add_executable(bench_token bench_token.c ${CMAKE_SOURCE_DIR}/tests/unit/token_maker.c)
target_include_directories(bench_token PRIVATE ${CMAKE_SOURCE_DIR}/tests/unit)
target_compile_definitions(bench_token PRIVATE CP_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
target_link_libraries(bench_token PRIVATE cp_flags identity base PkgConfig::OPENSSL Threads::Threads)
