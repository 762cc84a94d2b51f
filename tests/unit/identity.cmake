# SPDX-License-Identifier: Apache-2.0
cp_unit_test(test_identity_tokens SOURCES test_identity_tokens.c token_maker.c
  USES identity base LINKS PkgConfig::OPENSSL)
