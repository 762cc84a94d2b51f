# SPDX-License-Identifier: Apache-2.0
# cmake -DDIR=migrations -DOUT=file.c -P embed.cmake: turns NNNN_name.sql into a C table in the order of the numbers.
# The bytes go in as numbers, so that no text of a migration can mean something to the compiler.
file(GLOB files ${DIR}/*.sql)
list(SORT files)
set(arrays "")
set(rows "")
set(last 0)
foreach(file ${files})
  get_filename_component(name ${file} NAME_WE)
  if(NOT name MATCHES "^([0-9][0-9][0-9][0-9])_[a-z0-9_]+$")
    message(FATAL_ERROR "${file}: not NNNN_name.sql")
  endif()
  math(EXPR next "${last} + 1")
  math(EXPR version "1${CMAKE_MATCH_1} - 10000")
  if(NOT version EQUAL next)
    message(FATAL_ERROR "${file}: expected number ${next}")
  endif()
  set(last ${version})
  file(READ ${file} hex HEX)
  file(SHA256 ${file} sum)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(APPEND arrays "static const unsigned char sql_${version}[] = {${bytes}};\n")
  string(APPEND rows "    {${version}, \"${name}\", \"${sum}\", {(const char *)sql_${version}, sizeof sql_${version}}},\n")
endforeach()
file(WRITE ${OUT}.new "/* SPDX-License-Identifier: Apache-2.0 */
/* Generated from migrations/ by embed.cmake. */
#include \"migration_table.h\"

${arrays}
const struct migration migration_table[] = {
${rows}};
const size_t migration_count = sizeof migration_table / sizeof migration_table[0];
")
file(RENAME ${OUT}.new ${OUT})
