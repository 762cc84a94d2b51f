# SPDX-License-Identifier: Apache-2.0
foreach(what call limits tls resolve)
  cp_unit_test(test_net_${what}
    SOURCES test_net_${what}.c net_server.c net_client.c
    USES net base
    LINKS PkgConfig::OPENSSL_SSL PkgConfig::OPENSSL)
endforeach()
target_link_options(test_net_call PRIVATE -Wl,--wrap=OPENSSL_cleanse)
