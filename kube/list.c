/* SPDX-License-Identifier: Apache-2.0 */
#include "list.h"

#include <stdlib.h>
#include <string.h>

/* ---- the query ---- */

static struct text trim(struct text t)
{
    while (t.len > 0 && (unsigned char)t.p[0] <= ' ') {
        t.p++;
        t.len--;
    }
    while (t.len > 0 && (unsigned char)t.p[t.len - 1] <= ' ')
        t.len--;
    return t;
}

/* @return false when @p t is no 32-bit integer; a parameter that was not given is 0 */
static bool parse_page(struct text t, int64_t *ret)
{
    *ret = 0;
    if (!t.p)
        return true;
    t = trim(t);
    if (t.len > 1 && t.p[0] == '+' && t.p[1] != '-')
        t = (struct text){t.p + 1, t.len - 1};
    return text_to_i64(t, ret) == 0 && *ret >= INT32_MIN && *ret <= INT32_MAX;
}

static enum list_order parse_order_by(struct text t)
{
    if (text_eq_nocase(t, TEXT("name")))
        return LIST_BY_NAME;
    return text_eq_nocase(t, TEXT("namespace")) ? LIST_BY_NAMESPACE : LIST_BY_TIME;
}

/* Contract 8.1: an empty order ascends for names and descends for times; a parameter that is not
 * given is "desc" (contract 6). */
static bool parse_descending(struct text order, enum list_order by)
{
    if (!order.p)
        return true;
    if (order.len == 0)
        return by == LIST_BY_TIME;
    return !text_eq_nocase(order, TEXT("asc"));
}

int list_query_parse(const struct list_params *in, int utc_offset_min, struct list_query *ret,
                     struct app_error *err)
{
    int64_t offset, limit;
    bool offset_ok = parse_page(in->offset, &offset), limit_ok = parse_page(in->limit, &limit);
    enum list_order by = parse_order_by(in->order_by);

    if (!offset_ok || !limit_ok)
        return app_fail_text(err, APP_PARAM_TYPE, "Requirements are missing. : %s%s",
                             offset_ok ? "" : "offset", limit_ok ? "" : "limit");
    if (offset < 0 || limit < 0 || (offset > 0 && limit == 0))
        return app_fail(err, APP_BAD_REQUEST, "offset or limit out of range");
    *ret = (struct list_query){trim(in->search_name),
                               by,
                               parse_descending(in->order, by),
                               (uint64_t)offset,
                               (uint64_t)limit,
                               utc_offset_min};
    return 0;
}

/* ---- one run ---- */

struct row {
    uint64_t sequence; /* in the answer; the very last tie */
    struct text key;   /* the order's column */
    struct text path;  /* "namespace/name" */
    size_t namespace_len;
    size_t splice_at; /* 0: none */
    struct text bytes;
    char data[];
};

struct list_run {
    struct list_query query;
    struct view_run *view;
    bool list_metadata;
    uint64_t keep; /* rows to keep; UINT64_MAX: all */
    uint64_t count;
    bool key_missing; /* of an item that counts */
    bool item_null;
    const char *why;   /* set when the run, not the scan, refuses */
    struct row **rows; /* a heap, the worst row on top, once there are keep rows */
    size_t row_count, row_cap, kept_bytes;
    struct buf scratch; /* decoded columns of the current item */
    struct buf path;
    struct buf row;
    bool (*filter)(void *ctx, struct text namespace_name, struct text name);
    void *filter_ctx;
    struct text match; /* p NULL: none */
    bool (*usage)(void *ctx, struct text namespace_name, struct text name, struct list_usage *ret);
    void *usage_ctx;
};

/* @return < 0 when @p a stands before @p b. Ties ascend in both directions. */
static int compare(const struct list_run *run, const struct row *a, const struct row *b)
{
    int c = text_cmp(a->key, b->key);

    if (c)
        return run->query.descending ? -c : c;
    c = text_cmp(a->path, b->path);
    if (c)
        return c;
    return (a->sequence > b->sequence) - (a->sequence < b->sequence);
}

static int compare_rows(const void *a, const void *b, void *run)
{
    return compare(run, *(struct row *const *)a, *(struct row *const *)b);
}

static void sift_down(struct list_run *run, size_t i)
{
    for (;;) {
        size_t worst = i, left = 2 * i + 1;
        struct row *moved;

        for (size_t c = left; c < left + 2 && c < run->row_count; c++)
            if (compare(run, run->rows[c], run->rows[worst]) > 0)
                worst = c;
        if (worst == i)
            return;
        moved = run->rows[i];
        run->rows[i] = run->rows[worst];
        run->rows[worst] = moved;
        i = worst;
    }
}

static int stop(struct list_run *run, const char *why)
{
    run->why = why;
    return -1;
}

static size_t row_size(const struct row *r)
{
    return sizeof(*r) + r->key.len + r->path.len + r->bytes.len;
}

static struct text move_text(char **at, struct text t)
{
    struct text moved = {*at, t.len};

    if (t.p && t.len)
        memcpy(*at, t.p, t.len);
    *at += t.len;
    return moved;
}

/* @return an owned copy of the candidate with its rendered bytes */
static struct row *copy_row(struct list_run *run, const struct row *candidate)
{
    struct row *r = malloc(row_size(candidate));
    char *at;

    if (!r)
        return NULL;
    *r = *candidate;
    at = r->data;
    r->key = move_text(&at, candidate->key);
    r->path = move_text(&at, candidate->path);
    r->bytes = move_text(&at, candidate->bytes);
    run->kept_bytes += row_size(r);
    return r;
}

static int make_room(struct list_run *run)
{
    size_t cap = run->row_cap ? run->row_cap * 2 : 64;
    struct row **rows;

    if (run->row_count < run->row_cap)
        return 0;
    rows = realloc(run->rows, cap * sizeof(struct row *));
    if (!rows)
        return -1;
    run->rows = rows;
    run->row_cap = cap;
    return 0;
}

static void push_row(struct list_run *run, struct row *r)
{
    run->rows[run->row_count++] = r;
    if (run->row_count == run->keep) /* full: from now on the worst must be at hand */
        for (size_t i = run->row_count / 2; i-- > 0;)
            sift_down(run, i);
}

static void replace_worst(struct list_run *run, struct row *r)
{
    run->kept_bytes -= row_size(run->rows[0]);
    free(run->rows[0]);
    run->rows[0] = r;
    sift_down(run, 0);
}

/* Render and keep the candidate, which has won its place. */
static int keep_row(struct list_run *run, struct row *candidate)
{
    struct row *r;

    buf_reset(&run->row);
    if (view_render_row(run->view, &run->row) < 0)
        return stop(run, "a row is too large");
    candidate->splice_at = run->view->splice_at;
    candidate->bytes = (struct text){run->row.data, run->row.len};
    if (run->kept_bytes + row_size(candidate) > LIST_KEPT_MAX_BYTES)
        return stop(run, "the list is too large");
    if (run->row_count < run->keep && make_room(run) < 0)
        return stop(run, "out of memory");
    r = copy_row(run, candidate);
    if (!r)
        return stop(run, "out of memory");
    if (run->row_count < run->keep)
        push_row(run, r);
    else
        replace_worst(run, r);
    return 0;
}

static struct text column(struct list_run *run, enum view_fixed_slot slot)
{
    return view_text(run->view, &run->view->slots[slot], &run->scratch);
}

/* An item without the text does not match the empty text either. */
static bool matches(struct list_run *run)
{
    struct text t = column(run, VIEW_SLOT_MATCH);

    return t.p && text_eq(t, run->match);
}

static bool passes(struct list_run *run, struct text namespace_name, struct text name)
{
    if (run->query.search_name.len > 0 && !text_contains_nocase(name, run->query.search_name))
        return false;
    if (run->match.p && !matches(run))
        return false;
    return !run->filter || run->filter(run->filter_ctx, namespace_name, name);
}

/* @return 0, or -1: no memory */
static int join_path(struct list_run *run, struct text namespace_name, struct text name)
{
    buf_reset(&run->path);
    buf_append(&run->path, namespace_name.p, namespace_name.len);
    buf_append_char(&run->path, '/');
    return buf_append(&run->path, name.p, name.len);
}

static struct text key_of(enum list_order by, struct text ns, struct text name, struct text created)
{
    switch (by) {
    case LIST_BY_NAME:
        return name;
    case LIST_BY_NAMESPACE:
        return ns;
    case LIST_UNSORTED:
        return TEXT("");
    case LIST_BY_TIME:
    default:
        return created;
    }
}

static int on_item(void *ctx, struct view_run *view)
{
    struct list_run *run = ctx;
    struct text ns, name, created, key;
    struct row candidate;

    if (view->slots[VIEW_SLOT_ITEM].type != SCAN_OBJECT) {
        run->item_null = view->slots[VIEW_SLOT_ITEM].type == SCAN_NULL;
        return run->item_null ? 0 : stop(run, "an item is no object");
    }
    buf_reset(&run->scratch);
    /* room for all of them at once: a later text must not move an earlier one */
    if (buf_reserve(&run->scratch, view->scan.bytes.len) < 0)
        return stop(run, "out of memory");
    ns = column(run, VIEW_SLOT_NAMESPACE);
    name = column(run, VIEW_SLOT_NAME);
    created = column(run, VIEW_SLOT_CREATED);
    if (!passes(run, ns, name))
        return 0;
    run->count++;
    key = key_of(run->query.order_by, ns, name, created);
    if (!key.p)
        run->key_missing = true;
    if (join_path(run, ns, name) < 0)
        return stop(run, "out of memory");
    candidate = (struct row){
        .sequence = run->count,
        .key = key,
        .path = {run->path.data, run->path.len},
        .namespace_len = ns.len
    };
    if (run->row_count == run->keep &&
        (run->keep == 0 || compare(run, &candidate, run->rows[0]) >= 0))
        return 0;
    return keep_row(run, &candidate);
}

static int rows_to_keep(const struct list_query *q, uint64_t *ret)
{
    uint64_t pages;

    *ret = UINT64_MAX;
    if (q->limit == 0)
        return q->offset == 0 ? 0 : -1;
    if (__builtin_add_overflow(q->offset, 1, &pages) ||
        __builtin_mul_overflow(pages, q->limit, ret))
        return -1;
    return 0;
}

static int init_run(struct list_run *run, struct view *view, const struct list_query *query)
{
    run->view = view_run_create(view, VIEW_ITEMS, query->utc_offset_min, LIST_ITEM_MAX_BYTES);
    if (!run->view)
        return -1;
    run->view->on_item = on_item;
    run->view->ctx = run;
    run->query = *query;
    buf_init(&run->scratch, 2 * LIST_ITEM_MAX_BYTES);
    buf_init(&run->path, 2 * LIST_ITEM_MAX_BYTES);
    buf_init(&run->row, VIEW_ROW_MAX_BYTES);
    return 0;
}

struct list_run *list_run_create_view(struct view *view, bool list_metadata,
                                      const struct list_query *query, struct app_error *err)
{
    struct list_run *run;
    uint64_t keep;

    if (rows_to_keep(query, &keep) < 0) {
        app_fail(err, APP_BAD_REQUEST, "page number out of range");
        return NULL;
    }
    run = calloc(1, sizeof(*run));
    if (!run || init_run(run, view, query) < 0) {
        free(run);
        app_fail(err, APP_INTERNAL, "out of memory");
        return NULL;
    }
    run->keep = keep;
    run->list_metadata = list_metadata;
    return run;
}

struct list_run *list_run_create(const struct kube_kind *kind, const struct list_query *query,
                                 struct app_error *err)
{
    return list_run_create_view(kind->list, kind->list_metadata, query, err);
}

void list_run_destroy(struct list_run *run)
{
    if (!run)
        return;
    for (size_t i = 0; i < run->row_count; i++)
        free(run->rows[i]);
    free(run->rows);
    view_run_destroy(run->view);
    buf_finish(&run->scratch);
    buf_finish(&run->path);
    buf_finish(&run->row);
    free(run);
}

void list_run_destroy_p(struct list_run **run)
{
    list_run_destroy(*run);
}

void list_run_set_filter(struct list_run *run,
                         bool (*keep)(void *ctx, struct text namespace_name, struct text name),
                         void *ctx)
{
    run->filter = keep;
    run->filter_ctx = ctx;
}

void list_run_set_match(struct list_run *run, struct text wanted)
{
    run->match = wanted;
}

void list_run_set_usage(struct list_run *run,
                        bool (*lookup)(void *ctx, struct text namespace_name, struct text name,
                                       struct list_usage *ret),
                        void *ctx)
{
    run->usage = lookup;
    run->usage_ctx = ctx;
}

int list_run_feed(struct list_run *run, const void *bytes, size_t len)
{
    return json_scan_feed(&run->view->scan, bytes, len);
}

uint64_t list_run_count(const struct list_run *run)
{
    return run->count;
}

/* ---- the answer ---- */

static int check_scan(struct list_run *run, struct app_error *err)
{
    const struct json_scan *scan = &run->view->scan;

    if (json_scan_end(&run->view->scan) == 0)
        return 0;
    return app_fail(err, APP_UPSTREAM_BROKEN, "%s: %s at byte %llu", run->view->view->name,
                    run->why ? run->why : json_scan_error_name(scan->error),
                    (unsigned long long)scan->consumed);
}

static int check_list(struct list_run *run, struct app_error *err)
{
    const char *name = run->view->view->name;
    uint8_t root = run->view->slots[VIEW_SLOT_ROOT].type;
    uint8_t items = run->view->slots[VIEW_SLOT_ITEMS].type;

    if (check_scan(run, err) < 0)
        return -1;
    if (root == SCAN_NULL)
        return app_fail(err, APP_CODE_ERROR, "%s: null", name);
    if (root != SCAN_OBJECT)
        return app_fail(err, APP_UPSTREAM_BROKEN, "%s: not an object", name);
    if (items == SCAN_ABSENT)
        return app_fail(err, APP_CODE_ERROR, "%s: no items", name);
    if (items != SCAN_NULL && items != SCAN_ARRAY)
        return app_fail(err, APP_UPSTREAM_BROKEN, "%s: items is no array", name);
    if (run->item_null)
        return app_fail(err, APP_CODE_ERROR, "%s: an item is null", name);
    if (run->key_missing && run->count >= 2)
        return app_fail(err, APP_CODE_ERROR, "%s: an item without its sort key", name);
    return 0;
}

static void write_row(struct list_run *run, const struct row *r, struct buf *ret)
{
    struct list_usage usage;
    struct text ns = {r->path.p, r->namespace_len};
    struct text name = {r->path.p + r->namespace_len + 1, r->path.len - r->namespace_len - 1};

    if (r->splice_at == 0 || !run->usage || !run->usage(run->usage_ctx, ns, name, &usage)) {
        buf_append(ret, r->bytes.p, r->bytes.len);
        return;
    }
    buf_append(ret, r->bytes.p, r->splice_at);
    buf_printf(ret, "{\"usage\":\"%s\"},\"memory\":{\"usage\":\"%s\"}}", usage.cpu, usage.memory);
}

static void write_page(struct list_run *run, struct buf *ret)
{
    const struct list_query *q = &run->query;
    uint64_t first = q->limit ? q->offset * q->limit : 0;

    if (run->row_count > 1)
        qsort_r(run->rows, run->row_count, sizeof(struct row *), compare_rows, run);
    for (uint64_t i = first; i < run->row_count; i++) {
        if (i > first)
            buf_append_char(ret, ',');
        write_row(run, run->rows[i], ret);
    }
}

static int page_done(struct buf *ret, size_t begin, struct app_error *err)
{
    if (!buf_failed(ret))
        return 0;
    ret->len = begin;
    return app_fail(err, APP_UPSTREAM_BROKEN, "the page is too large");
}

int list_run_finish_rows(struct list_run *run, struct buf *ret, struct app_error *err)
{
    size_t begin = ret->len;

    if (check_list(run, err) < 0)
        return -1;
    write_page(run, ret);
    return page_done(ret, begin, err);
}

int list_run_finish(struct list_run *run, struct buf *ret, struct app_error *err)
{
    size_t begin = ret->len;
    uint64_t remaining = run->count > run->keep ? run->count - run->keep : 0;

    if (check_list(run, err) < 0)
        return -1;
    if (run->list_metadata) {
        struct text metadata = json_scan_raw(&run->view->scan, VIEW_SLOT_METADATA);
        bool is_object = run->view->slots[VIEW_SLOT_METADATA].type == SCAN_OBJECT;

        buf_append_str(ret, "\"metadata\":");
        buf_append(ret, is_object ? metadata.p : "null", is_object ? metadata.len : 4);
        buf_append_char(ret, ',');
    }
    buf_printf(ret,
               "\"itemMetaData\":{\"allItemCount\":%llu,\"remainingItemCount\":%llu},\"items\":[",
               (unsigned long long)run->count, (unsigned long long)remaining);
    write_page(run, ret);
    buf_append_char(ret, ']');
    return page_done(ret, begin, err);
}
