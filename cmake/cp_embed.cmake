# SPDX-License-Identifier: Apache-2.0
# cmake -DIN=file -DOUT=file.c -DNAME=symbol -DVERSION=x.y.z -P cp_embed.cmake
# Writes a C array with the bytes of IN, @CP_VERSION@ replaced. Bytes, not a string: string literals have a size limit.
file(READ ${IN} text)
string(REPLACE "@CP_VERSION@" "${VERSION}" text "${text}")
file(WRITE ${OUT}.tmp "${text}")
file(READ ${OUT}.tmp hex HEX)
file(REMOVE ${OUT}.tmp)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
file(WRITE ${OUT}
  "#include <stddef.h>\nextern const unsigned char ${NAME}[];\nextern const size_t ${NAME}_len;\n"
  "const unsigned char ${NAME}[] = {${bytes}0};\nconst size_t ${NAME}_len = sizeof ${NAME} - 1;\n")
