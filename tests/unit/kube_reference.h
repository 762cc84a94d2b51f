/* SPDX-License-Identifier: Apache-2.0 */
/** The view tables evaluated over a jansson tree, the slow and obvious way: what the engine is
 * compared with. */
#ifndef CP_TEST_KUBE_REFERENCE_H
#define CP_TEST_KUBE_REFERENCE_H
#include "kube_engine.h"

/** Set when the tree has lost what is needed to say the right answer (the literal of a number). */
extern bool reference_is_unsure;

/** @return the whole answer (new reference), or NULL and *ret_code. */
json_t *reference_list(const struct kube_kind *kind, const json_t *doc, const struct list_query *q,
                       enum app_code *ret_code);
json_t *reference_detail(const struct kube_kind *kind, const json_t *doc, enum app_code *ret_code);
#endif
