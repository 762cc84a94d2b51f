/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Lists: filter, sort and page while the answer of the API server streams (portal contract 8).
 *
 * Only the rows of the pages up to the wanted one are kept, in a heap; an item that loses is never
 * rendered. Ties are resolved by the joined "namespace/name", bytewise ascending in both
 * directions: the order in which the API server itself lists.
 * Threads: one user of a run at a time; different runs are independent. Nothing blocks.
 */
#ifndef CP_KUBE_LIST_H
#define CP_KUBE_LIST_H
#include "buf.h"
#include "error.h"
#include "text.h"
#include "view.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LIST_ITEM_MAX_BYTES ((size_t)256 * 1024)       /* captured of one item */
#define LIST_KEPT_MAX_BYTES ((size_t)64 * 1024 * 1024) /* all kept rows */

enum list_order {
    LIST_BY_TIME,
    LIST_BY_NAME,
    LIST_BY_NAMESPACE,
    LIST_UNSORTED /* all rows tie: the order of the API server; never of a parameter */
};

struct list_query {
    struct text search_name; /* trimmed, borrowed; empty: no filter */
    enum list_order order_by;
    bool descending;
    uint64_t offset; /* page number, from 0 */
    uint64_t limit;  /* items of a page; 0: all */
    int utc_offset_min;
};

/** The parameters as they came, percent-decoded; p NULL: not given. Borrowed. */
struct list_params {
    struct text search_name, order_by, order, offset, limit;
};

/**
 * @param ret  borrows search_name from @p in
 * @return 0, or -1 with APP_PARAM_TYPE (offset or limit is no 32-bit integer; err->text names
 *         them) or APP_BAD_REQUEST (negative, or offset > 0 with limit 0)
 */
int list_query_parse(const struct list_params *in, int utc_offset_min, struct list_query *ret,
                     struct app_error *err) __attribute__((nonnull(1, 3), warn_unused_result));

struct list_run;

/** @return a run, or NULL with APP_INTERNAL (no memory) or APP_BAD_REQUEST (page number out of
 * range). @p query is copied, its search_name borrowed until list_run_destroy(). */
struct list_run *list_run_create(const struct kube_kind *kind, const struct list_query *query,
                                 struct app_error *err);
/** As list_run_create() with another view than the kind's own, e.g. names only. */
struct list_run *list_run_create_view(struct view *view, bool list_metadata,
                                      const struct list_query *query, struct app_error *err);
void list_run_destroy(struct list_run *run);
void list_run_destroy_p(struct list_run **run);

/** Keep only items for which @p keep says true; called after the name filter, before counting. The
 * texts are decoded and valid during the call. */
void list_run_set_filter(struct list_run *run,
                         bool (*keep)(void *ctx, struct text namespace_name, struct text name),
                         void *ctx);

/** Keep only items whose text at the view's match equals @p wanted (borrowed), bytewise; an item
 * without one is left out. */
void list_run_set_match(struct list_run *run, struct text wanted);

#define LIST_USAGE_BYTES 32
struct list_usage {
    char cpu[LIST_USAGE_BYTES], memory[LIST_USAGE_BYTES]; /* plain text such as "2m", "3Mi" */
};
/** Pods: called for each row of the page, after the scan; false leaves {"usage":"-"}. */
void list_run_set_usage(struct list_run *run,
                        bool (*lookup)(void *ctx, struct text namespace_name, struct text name,
                                       struct list_usage *ret),
                        void *ctx);

/** Feed the next bytes. @return 0, or -1: the answer is unusable, list_run_finish() says why; the
 * transfer can be given up. */
int list_run_feed(struct list_run *run, const void *bytes, size_t len)
    __attribute__((warn_unused_result));
/**
 * The answer has ended: append the members "metadata":{...} (kinds with list_metadata; null when
 * absent), "itemMetaData":{...}, "items":[...], without braces.
 *
 * @return 0, or -1 with APP_UPSTREAM_BROKEN (not JSON, cut off, over a cap; err->detail has the
 *         place) or APP_CODE_ERROR (JSON null, "items" absent, a sort key missing with two or more
 *         items); @p ret is as before. "items": null is an empty list.
 */
int list_run_finish(struct list_run *run, struct buf *ret, struct app_error *err)
    __attribute__((warn_unused_result));
/** As list_run_finish(), but appends only the rows, comma separated: for answers of another shape.
 */
int list_run_finish_rows(struct list_run *run, struct buf *ret, struct app_error *err)
    __attribute__((warn_unused_result));
/** @return items after filtering (itemMetaData.allItemCount); valid after list_run_finish(). */
uint64_t list_run_count(const struct list_run *run);
#endif
