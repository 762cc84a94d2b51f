# SPDX-License-Identifier: Apache-2.0
cp_unit_test(test_kube_related SOURCES test_kube_related.c kube_engine.c USES kube net base)
