/* SPDX-License-Identifier: Apache-2.0 */
#include "page.h"
#include "internal.h"

#include <stdlib.h>
#include <string.h>

int page_query(const struct svc_call *call, const struct page_params *in, struct list_query *ret,
               struct app_error *err)
{
    struct list_params raw = {text_of(in->search_name), text_of(in->order_by), text_of(in->order),
                              text_of(in->offset), text_of(in->limit)};

    return list_query_parse(&raw, call->services->config.utc_offset_min, ret, err);
}

static const char *key_of(const struct page_row *r, const struct list_query *q)
{
    const char *key = q->order_by == LIST_BY_NAME ? r->name : r->created;

    return key ? key : "";
}

/* qsort is not stable: the row's own number decides ties, ascending in both directions */
static int compare(const void *a, const void *b, void *query)
{
    const struct page_row *x = a, *y = b;
    const struct list_query *q = query;
    int c = strcmp(key_of(x, q), key_of(y, q));

    if (c != 0)
        return q->descending ? -c : c;
    return (x->index > y->index) - (x->index < y->index);
}

static size_t keep_matching(struct page_row *rows, size_t count, struct text needle)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++)
        if (text_contains_nocase(text_of(rows[i].name), needle))
            rows[kept++] = rows[i];
    return kept;
}

void page_rows(struct page_row *rows, size_t count, const struct list_query *query,
               struct page *ret)
{
    struct list_query q = *query;
    size_t all = keep_matching(rows, count, query->search_name);
    uint64_t first = 0, size = all;

    if (all > 1) /* no rows may be no array either, which qsort_r() does not take */
        qsort_r(rows, all, sizeof *rows, compare, &q);
    if (q.limit > 0) {
        first = q.offset > all / q.limit ? all : q.offset * q.limit;
        size = q.limit;
    }
    if (first > all)
        first = all;
    if (size > all - first)
        size = all - first;
    *ret = (struct page){rows + first, (size_t)size, all, all - first - size};
}

int page_write_meta(struct buf *out, const struct page *page)
{
    return buf_printf(out, "\"itemMetaData\":{\"allItemCount\":%llu,\"remainingItemCount\":%llu},",
                      (unsigned long long)page->all, (unsigned long long)page->remaining);
}
