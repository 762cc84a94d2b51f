/* SPDX-License-Identifier: Apache-2.0 */
/** Paging of lists that come from the database: the "global list" of portal contract 8.2. Private
 * to services/. */
#ifndef CP_SERVICES_PAGE_H
#define CP_SERVICES_PAGE_H
#include "context.h"
#include "list.h"
#include "resources.h"

/** Parse @p in. Errors as list_query_parse(). */
int page_query(const struct svc_call *call, const struct page_params *in, struct list_query *ret,
               struct app_error *err);

struct page_row {
    const char *name;    /* searched, and the key of orderBy=name */
    const char *created; /* the key of every other order */
    size_t index;        /* the caller's row */
};

struct page {
    const struct page_row *rows; /* the wanted slice, in order */
    size_t count;
    uint64_t all, remaining;
};

/** Filter, sort (stable) and slice @p rows in place. */
void page_rows(struct page_row *rows, size_t count, const struct list_query *query,
               struct page *ret);
/** Append "itemMetaData":{...}, of @p page. */
int page_write_meta(struct buf *out, const struct page *page);
#endif
