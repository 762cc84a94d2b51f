# SPDX-License-Identifier: Apache-2.0
# Tests on a real MariaDB, which each program starts and stops. rig_mariadb.{h,c} serve other modules' tests as well:
# cp_mariadb_test(NAME SOURCES ... USES ...) adds what they need.
function(cp_mariadb_test name)
  cmake_parse_arguments(T "" "" "SOURCES;USES;LINKS" ${ARGN})
  cp_unit_test(${name} SOURCES ${T_SOURCES} ${CMAKE_SOURCE_DIR}/tests/unit/rig_mariadb.c
    USES ${T_USES} db base LINKS ${T_LINKS} PkgConfig::MARIADB PkgConfig::OPENSSL)
  target_include_directories(${name} SYSTEM PRIVATE ${MARIADB_INCLUDE_DIRS})
  target_compile_options(${name} PRIVATE "SHELL:-include mysql.h")
endfunction()

cp_mariadb_test(test_db_pool SOURCES test_db_pool.c)
cp_mariadb_test(test_db_migrate SOURCES test_db_migrate.c)
cp_mariadb_test(test_db_stores SOURCES test_db_stores.c)
cp_mariadb_test(test_db_users SOURCES test_db_users.c)
cp_mariadb_test(test_db_secrets SOURCES test_db_secrets.c USES secrets)
cp_unit_test(test_db_url SOURCES test_db_url.c USES db base LINKS PkgConfig::OPENSSL)
