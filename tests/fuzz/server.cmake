# SPDX-License-Identifier: Apache-2.0
cp_fuzz_target(fuzz_server SOURCES fuzz_server.c USES server base)
