/* SPDX-License-Identifier: Apache-2.0 */
/** Feeding the list engine in tests: chunks of any size, each an exact-size heap block, so that
 * AddressSanitizer sees a read past its end. */
#ifndef CP_TEST_KUBE_ENGINE_H
#define CP_TEST_KUBE_ENGINE_H
#include "list.h"

#include <jansson.h>

#define SEOUL_MIN 540

typedef int (*feed_fn)(void *ctx, const void *bytes, size_t len);

/** Feed @p in in blocks of @p chunk bytes (0: all at once). @return 0 or the first -1. */
int feed_chunks(feed_fn feed, void *ctx, struct text in, size_t chunk);
/** @return a heap copy of exactly @p t.len bytes (caller frees). */
char *exact_copy(struct text t);

struct engine_case {
    const struct kube_kind *kind;
    const char *view; /* "list", "detail", "names", "labels", "owned", "unsorted" */
    struct list_params params;
    struct text in;
    struct text usage; /* pod metrics; p NULL: none */
    size_t chunk;
    struct text match; /* of the view "owned"; p NULL: none */
};

/** Run @p c; the whole answer object with braces goes to @p ret. @return 0 or -1 and @p err. */
int engine_run(const struct engine_case *c, struct buf *ret, struct app_error *err);
/** @return true when both are the same: members in the same order, numbers by value. */
bool json_same(const json_t *a, const json_t *b);
#endif
