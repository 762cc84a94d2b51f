# SPDX-License-Identifier: Apache-2.0
cp_fuzz_target(fuzz_identity SOURCES fuzz_identity.c USES identity base LINKS PkgConfig::OPENSSL)
