# SPDX-License-Identifier: Apache-2.0
cp_fuzz_target(fuzz_json_scan
  SOURCES fuzz_json_scan.c ../unit/kube_engine.c ../unit/kube_reference.c
  USES kube base)
