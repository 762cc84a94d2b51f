# SPDX-License-Identifier: Apache-2.0
# Warning and hardening flags on one interface target. Each is probed, because gcc and clang differ.
include(CheckCCompilerFlag)
include(CheckLinkerFlag)
add_library(cp_flags INTERFACE)
target_compile_definitions(cp_flags INTERFACE _GNU_SOURCE CP_VERSION="${PROJECT_VERSION}")
target_compile_options(cp_flags INTERFACE -include ${CMAKE_SOURCE_DIR}/base/banned.h)

function(cp_probe_flag flag)
  string(MAKE_C_IDENTIFIER "cp_has${flag}" var)
  check_c_compiler_flag("-Werror ${flag}" ${var})
  if(${var})
    target_compile_options(cp_flags INTERFACE ${flag})
  endif()
endfunction()

foreach(flag -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wvla -Wformat=2 -Wundef -Wwrite-strings
    -Wstrict-prototypes -Wmissing-prototypes -Wimplicit-fallthrough -Wduplicated-cond -Wlogical-op)
  cp_probe_flag(${flag})
endforeach()

if(CP_HARDEN)
  target_compile_options(cp_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
  foreach(flag -fstack-protector-strong -fstack-clash-protection -fcf-protection=full
      -ftrivial-auto-var-init=zero -fstrict-flex-arrays=3)
    cp_probe_flag(${flag})
  endforeach()
  target_link_options(cp_flags INTERFACE -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--as-needed)
endif()
# Assertions guard programming mistakes and stay on in every build type.
string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_RELWITHDEBINFO "${CMAKE_C_FLAGS_RELWITHDEBINFO}")
string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_RELEASE "${CMAKE_C_FLAGS_RELEASE}")
