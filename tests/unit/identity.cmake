# SPDX-License-Identifier: Apache-2.0
foreach(part tokens jwks)
  cp_unit_test(test_identity_${part} SOURCES test_identity_${part}.c token_maker.c
    USES identity base LINKS PkgConfig::OPENSSL)
endforeach()
cp_unit_test(test_identity_portal SOURCES test_identity_portal.c USES identity base)
cp_unit_test(test_identity_issuer SOURCES test_identity_issuer.c
  USES identity base LINKS PkgConfig::OPENSSL)
cp_unit_test(test_identity_net SOURCES test_identity_net.c token_maker.c
  USES identity net base LINKS PkgConfig::OPENSSL)
