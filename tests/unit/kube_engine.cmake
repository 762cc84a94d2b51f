# SPDX-License-Identifier: Apache-2.0
cp_unit_test(test_kube_vectors SOURCES test_kube_vectors.c kube_engine.c USES kube base)
