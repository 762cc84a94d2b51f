# SPDX-License-Identifier: Apache-2.0
cp_unit_test(test_kubeclient_pure SOURCES test_kubeclient_pure.c USES kube net base)
cp_unit_test(test_kubeclient_faulty SOURCES test_kubeclient_faulty.c USES kube net base)
cp_unit_test(test_kubeclient_real SOURCES test_kubeclient_real.c rig_kube.c USES kube net base)
