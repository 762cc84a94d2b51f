/* SPDX-License-Identifier: Apache-2.0 */
#include "view.h"

#include "arena.h"
#include "cleanup.h"
#include "clock.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLANS_MAX_BYTES ((size_t)4 * MIB)
#define PLAN_EDGES_MAX 16
#define LIST_TEXT_MAX_BYTES                                                                        \
    ((size_t)64 * KIB) /* rendered elements of one list inside a list's row */

/* ---- compiling a table into a trie ---- */

struct plan_node {
    struct scan_node node;
    struct scan_edge edges[PLAN_EDGES_MAX];
};

struct view_plan {
    struct plan_node *root; /* {"metadata", "items": [item]} */
    struct plan_node *item; /* one object */
    struct view_member *members;
    const struct view_member *list_members[VIEW_LISTS_MAX];
    int slot_count, list_count;
    int required[4], required_count;
};

static pthread_mutex_t plans_lock = PTHREAD_MUTEX_INITIALIZER;
static struct arena *plans; /* all plans, for the life of the process */

/* Tables are part of the program, so what does not fit is a programming mistake; only memory can
 * run out. */
static void *plan_alloc(size_t size)
{
    void *p;

    if (!plans)
        plans = arena_create(PLANS_MAX_BYTES);
    p = plans ? arena_alloc(plans, size) : NULL;
    if (!p)
        abort();
    return p;
}

static struct plan_node *new_node(void)
{
    struct plan_node *n = plan_alloc(sizeof(*n));

    n->node.edges = n->edges;
    n->node.slot = SCAN_NONE;
    n->node.list = SCAN_NONE;
    return n;
}

/* The nodes are ours; scan_node names them const for the scanner. */
static struct plan_node *own(const struct scan_node *node)
{
    return (struct plan_node *)node;
}

static struct plan_node *child(struct plan_node *parent, const char *key, size_t len)
{
    struct scan_edge *e = parent->edges;

    for (int i = 0; i < parent->node.edge_count; i++, e++)
        if (e->len == len && memcmp(e->key, key, len) == 0)
            return own(e->node);
    assert(parent->node.edge_count < PLAN_EDGES_MAX && len <= SCAN_KEY_MAX);
    assert(parent->node.keep != SCAN_KEEP_ANY);
    *e = (struct scan_edge){key, len, &new_node()->node};
    parent->node.edge_count++;
    return own(e->node);
}

static struct plan_node *element(struct plan_node *array)
{
    assert(array->node.keep != SCAN_KEEP_ANY);
    if (!array->node.elem)
        array->node.elem = &new_node()->node;
    return own(array->node.elem);
}

/* @return the node of @p path below @p base; for "a[]" the array's own node */
static struct plan_node *walk(struct plan_node *base, const char *path)
{
    while (*path) {
        size_t len = strcspn(path, ".[");

        base = child(base, path, len);
        path += len;
        if (strncmp(path, "[0]", 3) == 0) {
            assert(base->node.list == SCAN_NONE);
            base->node.first_only = true;
            base = element(base);
            path += 3;
        }
        if (strcmp(path, "[]") == 0)
            break;
        path += *path == '.';
    }
    return base;
}

static int16_t slot_of(struct view_plan *plan, struct plan_node *n, enum scan_keep keep)
{
    if (n->node.slot < 0) {
        assert(plan->slot_count < VIEW_SLOTS_MAX);
        n->node.slot = (int16_t)plan->slot_count++;
    }
    if (keep > n->node.keep)
        n->node.keep = (uint8_t)keep;
    assert(n->node.keep != SCAN_KEEP_ANY || (n->node.edge_count == 0 && !n->node.elem));
    return n->node.slot;
}

static enum scan_keep keep_of(enum view_conv conv)
{
    switch (conv) {
    case VIEW_MAP:
    case VIEW_RAW_OBJECT:
    case VIEW_RAW_ARRAY:
    case VIEW_ANNOTATIONS:
        return SCAN_KEEP_ANY;
    case VIEW_OBJECT:
    case VIEW_LIST:
    case VIEW_LIST_PLAIN:
    case VIEW_FOLD:
    case VIEW_TYPE:
        return SCAN_KEEP_TYPE;
    default:
        return SCAN_KEEP_SCALAR;
    }
}

static bool is_list(enum view_conv conv)
{
    return conv == VIEW_LIST || conv == VIEW_LIST_PLAIN || conv == VIEW_FOLD;
}

static struct view_member *compile(struct view_plan *plan, struct plan_node *base,
                                   const struct view_field *fields);

/* The slots of an element lie side by side, so that one memset makes them absent. */
static void compile_list(struct view_plan *plan, struct plan_node *array, struct view_member *m)
{
    /* one reader for each list: two would need their slots in one range */
    assert(array->node.list == SCAN_NONE && !array->node.elem);
    assert(plan->list_count < VIEW_LISTS_MAX);
    m->list = (int16_t)plan->list_count++;
    plan->list_members[m->list] = m;
    array->node.list = m->list;
    array->node.slot_begin = (int16_t)plan->slot_count;
    m->sub = compile(plan, element(array), m->field->sub);
    array->node.slot_end = (int16_t)plan->slot_count;
}

static const char *member_head(const char *out)
{
    size_t size = strlen(out) + sizeof("\"\":");
    char *head = plan_alloc(size);

    snprintf(head, size, "\"%s\":", out);
    return head;
}

static void compile_member(struct view_plan *plan, struct plan_node *base, struct view_member *m)
{
    const struct view_field *f = m->field;
    struct plan_node *n = f->path ? walk(base, f->path) : base;

    m->slot = SCAN_NONE;
    m->list = SCAN_NONE;
    if (f->out) {
        m->head = member_head(f->out);
        m->head_len = strlen(m->head);
    }
    if (f->path)
        m->slot = slot_of(plan, n, keep_of((enum view_conv)f->conv));
    if (is_list((enum view_conv)f->conv))
        compile_list(plan, n, m);
    else if (f->sub)
        m->sub = compile(plan, n, f->sub);
}

static size_t field_count(const struct view_field *fields)
{
    size_t n = 0;

    while (fields[n].conv != VIEW_LAST)
        n++;
    return n;
}

static struct view_member *compile(struct view_plan *plan, struct plan_node *base,
                                   const struct view_field *fields)
{
    size_t count = field_count(fields);
    struct view_member *members = plan_alloc((count + 1) * sizeof(*members));

    for (size_t i = 0; i < count; i++) {
        members[i].field = &fields[i];
        compile_member(plan, base, &members[i]);
    }
    return members;
}

static void compile_required(struct view_plan *plan, const char *required)
{
    while (required && *required) {
        size_t len = strcspn(required, " ");

        assert(plan->required_count < 4);
        plan->required[plan->required_count++] =
            slot_of(plan, child(plan->item, required, len), SCAN_KEEP_TYPE);
        required += len + (required[len] == ' ');
    }
}

static struct view_plan *compile_view(const struct view *view)
{
    static const char *const columns[] = {"metadata.name", "metadata.namespace",
                                          "metadata.creationTimestamp"};
    struct view_plan *plan = plan_alloc(sizeof(*plan));
    struct plan_node *items;

    plan->root = new_node();
    slot_of(plan, plan->root, SCAN_KEEP_TYPE);
    items = child(plan->root, "items", 5);
    slot_of(plan, items, SCAN_KEEP_TYPE);
    slot_of(plan, child(plan->root, "metadata", 8), SCAN_KEEP_ANY);
    items->node.list = (int16_t)plan->list_count++;
    items->node.slot_begin = (int16_t)plan->slot_count;
    plan->item = element(items);
    slot_of(plan, plan->item, SCAN_KEEP_TYPE);
    for (size_t i = 0; i < 3; i++)
        slot_of(plan, walk(plan->item, columns[i]), SCAN_KEEP_SCALAR);
    if (view->match) {
        int16_t slot = slot_of(plan, walk(plan->item, view->match), SCAN_KEEP_SCALAR);

        assert(slot == VIEW_SLOT_MATCH);
        (void)slot;
    }
    plan->slot_count = VIEW_SLOT_FIRST; /* past the one that stays absent */
    compile_required(plan, view->required);
    plan->members = compile(plan, plan->item, view->fields);
    items->node.slot_end = (int16_t)plan->slot_count;
    return plan;
}

static void prepare(struct view *view)
{
    pthread_mutex_lock(&plans_lock);
    if (!view->plan)
        view->plan = compile_view(view);
    pthread_mutex_unlock(&plans_lock);
}

/* ---- reading slots ---- */

const struct scan_slot *view_slot(const struct view_run *run, const struct view_member *self,
                                  int index)
{
    return &run->slots[index < 0 ? self->slot : self->sub[index].slot];
}

struct text view_token(const struct view_run *run, const struct scan_slot *slot)
{
    const struct buf *bytes = &run->scan.bytes;

    if (slot->len == 0 || (size_t)slot->off + slot->len > bytes->len)
        return (struct text){NULL, 0};
    return (struct text){bytes->data + slot->off, slot->len};
}

struct text view_text(const struct view_run *run, const struct scan_slot *slot, struct buf *scratch)
{
    struct text t = view_token(run, slot);
    size_t at = scratch->len;

    if (slot->type != SCAN_STRING || !t.p)
        return (struct text){NULL, 0};
    if (!slot->escaped)
        return (struct text){t.p + 1, t.len - 2};
    if (json_token_decode(t, scratch) < 0)
        return (struct text){NULL, 0};
    return (struct text){scratch->data + at, scratch->len - at};
}

/* ---- writing values ---- */

static void put(struct buf *out, struct text t)
{
    buf_append(out, t.p, t.len);
}

void view_put_token(const struct view_run *run, const struct scan_slot *slot, const char *missing,
                    struct buf *out)
{
    struct text t = view_token(run, slot);

    if (t.p && slot->type != SCAN_NULL)
        put(out, t);
    else
        buf_append_str(out, missing);
}

struct conversion {
    const char *missing; /* written when the field names no text of its own */
    void (*write)(struct view_run *run, const struct view_member *m, const char *missing,
                  struct buf *out);
};

static void write_members(struct view_run *run, const struct view_member *m, struct buf *out);

static void write_if(struct view_run *run, const struct view_member *m, bool is_there,
                     const char *missing, struct buf *out)
{
    if (is_there)
        put(out, view_token(run, view_slot(run, m, -1)));
    else
        buf_append_str(out, missing);
}

static void write_string(struct view_run *run, const struct view_member *m, const char *missing,
                         struct buf *out)
{
    write_if(run, m, view_slot(run, m, -1)->type == SCAN_STRING, missing, out);
}

static void write_dash(struct view_run *run, const struct view_member *m, const char *missing,
                       struct buf *out)
{
    const struct scan_slot *s = view_slot(run, m, -1);

    write_if(run, m, s->type == SCAN_STRING && !s->empty, missing, out);
}

static void write_text(struct view_run *run, const struct view_member *m, const char *missing,
                       struct buf *out)
{
    const struct scan_slot *s = view_slot(run, m, -1);

    if (s->type < SCAN_FALSE || s->type > SCAN_NUMBER) {
        write_dash(run, m, missing, out);
        return;
    }
    buf_append_char(out, '"');
    put(out, view_token(run, s));
    buf_append_char(out, '"');
}

void view_put_integer(const struct view_run *run, const struct scan_slot *slot, const char *missing,
                      struct buf *out)
{
    struct text t = view_token(run, slot);

    if (slot->type == SCAN_NUMBER && t.p && !memchr(t.p, '.', t.len) && !memchr(t.p, 'e', t.len) &&
        !memchr(t.p, 'E', t.len))
        put(out, t);
    else
        buf_append_str(out, missing);
}

static void write_int(struct view_run *run, const struct view_member *m, const char *missing,
                      struct buf *out)
{
    view_put_integer(run, view_slot(run, m, -1), missing, out);
}

static void write_time(struct view_run *run, const struct view_member *m, const char *missing,
                       struct buf *out)
{
    char text[CLOCK_TEXT_BYTES];
    size_t at = run->scratch.len;
    struct text t = view_text(run, view_slot(run, m, -1), &run->scratch);
    size_t len = t.p ? clock_vtime(t, run->utc_offset_min, text) : 0;

    run->scratch.len = at;
    if (len == 0) {
        buf_append_str(out, missing);
        return;
    }
    buf_append_char(out, '"');
    buf_append(out, text, len);
    buf_append_char(out, '"');
}

static void write_map(struct view_run *run, const struct view_member *m, const char *missing,
                      struct buf *out)
{
    const struct scan_slot *s = view_slot(run, m, -1);

    write_if(run, m, s->type == SCAN_OBJECT && !s->empty, missing, out);
}

static void write_raw_object(struct view_run *run, const struct view_member *m, const char *missing,
                             struct buf *out)
{
    write_if(run, m, view_slot(run, m, -1)->type == SCAN_OBJECT, missing, out);
}

static void write_raw_array(struct view_run *run, const struct view_member *m, const char *missing,
                            struct buf *out)
{
    write_if(run, m, view_slot(run, m, -1)->type == SCAN_ARRAY, missing, out);
}

static bool is_system_annotation(struct text key)
{
    return text_starts_with(key, "kubectl.kubernetes.io/") ||
           text_starts_with(key, "kubernetes.io/") || text_starts_with(key, "k8s.io/") ||
           (key.len > 0 && memmem(key.p, key.len, "last-applied", 12));
}

static void write_annotation(struct view_run *run, struct text key, struct text value,
                             struct buf *out)
{
    size_t at = run->scratch.len;
    struct text plain = {key.p + 1, key.len - 2};

    if (memchr(key.p, '\\', key.len) && json_token_decode(key, &run->scratch) == 0)
        plain = (struct text){run->scratch.data + at, run->scratch.len - at};
    buf_append_str(out, is_system_annotation(plain) ? "{\"checkYn\":\"Y\",\"key\":"
                                                    : "{\"checkYn\":\"N\",\"key\":");
    run->scratch.len = at;
    put(out, key);
    buf_append_str(out, ",\"value\":");
    put(out, value.p[0] == '"' ? value : TEXT("null"));
    buf_append_char(out, '}');
}

static void write_annotations(struct view_run *run, const struct view_member *m,
                              const char *missing, struct buf *out)
{
    const struct scan_slot *s = view_slot(run, m, -1);
    struct text rest = view_token(run, s), key, value;
    bool is_first = true;

    if (s->type != SCAN_OBJECT || s->empty) {
        buf_append_str(out, missing);
        return;
    }
    buf_append_char(out, '[');
    for (; json_token_next(&rest, &key, &value); is_first = false) {
        if (!is_first)
            buf_append_char(out, ',');
        write_annotation(run, key, value, out);
    }
    buf_append_char(out, ']');
}

/* Without a path the object is our own and always there. */
static void write_object(struct view_run *run, const struct view_member *m, const char *missing,
                         struct buf *out)
{
    if (m->slot >= 0 && view_slot(run, m, -1)->type != SCAN_OBJECT) {
        buf_append_str(out, missing);
        return;
    }
    buf_append_char(out, '{');
    write_members(run, m->sub, out);
    buf_append_char(out, '}');
}

/* An array that is there but has no elements: [] stays [] unless another text than null stands for
 * "none". */
static void write_list(struct view_run *run, const struct view_member *m, const char *missing,
                       struct buf *out)
{
    const struct scan_slot *s = view_slot(run, m, -1);
    const struct buf *list = &run->lists[m->list];

    if (s->type == SCAN_ARRAY && (!s->empty || strcmp(missing, "null") == 0)) {
        buf_append_char(out, '[');
        buf_append(out, list->data, s->empty ? 0 : list->len);
        buf_append_char(out, ']');
        return;
    }
    buf_append_str(out, missing);
}

static void write_custom(struct view_run *run, const struct view_member *m, const char *missing,
                         struct buf *out)
{
    (void)missing;
    m->field->render(run, m, out);
}

static void write_const(struct view_run *run, const struct view_member *m, const char *missing,
                        struct buf *out)
{
    (void)run;
    (void)m;
    buf_append_str(out, missing);
}

static void write_splice(struct view_run *run, const struct view_member *m, const char *missing,
                         struct buf *out)
{
    (void)m;
    if (run->splice_at == 0)
        run->splice_at = out->len;
    buf_append_str(out, missing);
}

static const struct conversion conversions[] = {
    [VIEW_STRING] = {"null",                                                write_string     },
    [VIEW_DASH] = {"\"-\"",                                               write_dash       },
    [VIEW_TEXT] = {"\"-\"",                                               write_text       },
    [VIEW_INT] = {"0",                                                   write_int        },
    [VIEW_TIME] = {"\"\"",                                                write_time       },
    [VIEW_MAP] = {"\"-\"",                                               write_map        },
    [VIEW_RAW_OBJECT] = {"null",                                                write_raw_object },
    [VIEW_RAW_ARRAY] = {"null",                                                write_raw_array  },
    [VIEW_ANNOTATIONS] = {"[{\"checkYn\":\"-\",\"key\":\"-\",\"value\":\"-\"}]", write_annotations},
    [VIEW_OBJECT] = {"null",                                                write_object     },
    [VIEW_LIST] = {"null",                                                write_list       },
    [VIEW_LIST_PLAIN] = {"null",                                                write_list       },
    [VIEW_CUSTOM] = {"null",                                                write_custom     },
    [VIEW_CONST] = {"null",                                                write_const      },
    [VIEW_SPLICE] = {"{\"usage\":\"-\"}",                                   write_splice     },
};

static void write_value(struct view_run *run, const struct view_member *m, struct buf *out)
{
    const struct conversion *c = &conversions[m->field->conv];

    c->write(run, m, m->field->missing ? m->field->missing : c->missing, out);
}

static void write_members(struct view_run *run, const struct view_member *m, struct buf *out)
{
    bool is_first = true;

    for (; m->field; m++) {
        if (!m->head)
            continue;
        if (!is_first)
            buf_append_char(out, ',');
        buf_append(out, m->head, m->head_len);
        write_value(run, m, out);
        is_first = false;
    }
}

int view_render_row(struct view_run *run, struct buf *ret)
{
    const struct view_plan *plan = run->view->plan;
    size_t begin = ret->len;

    run->splice_at = 0;
    if (run->view->plain) {
        write_value(run, plan->members, ret);
    } else {
        buf_append_char(ret, '{');
        write_members(run, plan->members, ret);
        buf_append_char(ret, '}');
    }
    if (run->splice_at > 0)
        run->splice_at -= begin;
    return buf_failed(ret) || buf_failed(&run->scratch) ? -1 : 0;
}

/* ---- one scan ---- */

static void on_list_begin(void *ctx, int list)
{
    struct view_run *run = ctx;

    buf_reset(&run->lists[list]);
    run->elements[list] = 0;
}

static void on_element_begin(void *ctx, int list)
{
    struct view_run *run = ctx;

    if (list == 0)
        memset(&run->fold, 0, sizeof(run->fold));
}

static int end_nested(struct view_run *run, int list)
{
    const struct view_member *m = run->view->plan->list_members[list];
    struct buf *out = &run->lists[list];

    if (m->field->conv == VIEW_FOLD) {
        m->field->fold(run, m);
        run->elements[list]++;
        return 1;
    }
    if (run->elements[list]++ > 0)
        buf_append_char(out, ',');
    if (m->field->conv == VIEW_LIST_PLAIN) {
        write_value(run, m->sub, out);
    } else {
        buf_append_char(out, '{');
        write_members(run, m->sub, out);
        buf_append_char(out, '}');
    }
    return buf_failed(out) ? -1 : 0;
}

static int on_element_end(void *ctx, int list)
{
    struct view_run *run = ctx;

    return list == 0 ? run->on_item(run->ctx, run) : end_nested(run, list);
}

static const struct scan_handler handler = {on_list_begin, on_element_begin, on_element_end};

struct view_run *view_run_create(struct view *view, enum view_shape shape, int utc_offset_min,
                                 size_t capture_max_bytes)
{
    struct view_run *run = calloc(1, sizeof(*run));
    size_t list_max = shape == VIEW_ITEMS ? LIST_TEXT_MAX_BYTES : VIEW_DETAIL_MAX_BYTES;

    if (!run)
        return NULL;
    prepare(view);
    run->view = view;
    run->utc_offset_min = utc_offset_min;
    buf_init(&run->scratch, capture_max_bytes);
    for (int i = 0; i < VIEW_LISTS_MAX; i++)
        buf_init(&run->lists[i], list_max);
    json_scan_init(&run->scan,
                   shape == VIEW_ITEMS ? &view->plan->root->node : &view->plan->item->node,
                   run->slots, capture_max_bytes);
    json_scan_set_handler(&run->scan, &handler, run);
    return run;
}

void view_run_destroy(struct view_run *run)
{
    if (!run)
        return;
    json_scan_finish(&run->scan);
    buf_finish(&run->scratch);
    for (int i = 0; i < VIEW_LISTS_MAX; i++)
        buf_finish(&run->lists[i]);
    free(run);
}

static void run_destroy_p(struct view_run **run)
{
    view_run_destroy(*run);
}

/* ---- one object ---- */

static int check_single(const struct view_run *run, struct app_error *err)
{
    const struct view_plan *plan = run->view->plan;
    uint8_t type = run->slots[VIEW_SLOT_ITEM].type;

    if (type == SCAN_NULL)
        return app_fail(err, APP_CODE_ERROR, "%s: null", run->view->name);
    if (type != SCAN_OBJECT)
        return app_fail(err, APP_UPSTREAM_BROKEN, "%s: not an object", run->view->name);
    for (int i = 0; i < plan->required_count; i++)
        if (run->slots[plan->required[i]].type != SCAN_OBJECT)
            return app_fail(err, APP_CODE_ERROR, "%s: metadata, spec or status is missing",
                            run->view->name);
    return 0;
}

int view_render_detail(const struct kube_kind *kind, struct text bytes, int utc_offset_min,
                       struct buf *ret, struct app_error *err)
{
    struct view_run *run AUTO(run_destroy_p) =
        view_run_create(kind->detail, VIEW_SINGLE, utc_offset_min, VIEW_DETAIL_MAX_BYTES);
    size_t begin = ret->len;

    if (!run)
        return app_fail(err, APP_INTERNAL, "out of memory");
    if (bytes.len > VIEW_DETAIL_MAX_BYTES)
        return app_fail(err, APP_UPSTREAM_BROKEN, "%s: too large", kind->detail->name);
    if (json_scan_feed(&run->scan, bytes.p, bytes.len) < 0 || json_scan_end(&run->scan) < 0)
        return app_fail(err, APP_UPSTREAM_BROKEN, "%s: %s at byte %llu", kind->detail->name,
                        json_scan_error_name(run->scan.error),
                        (unsigned long long)run->scan.consumed);
    if (check_single(run, err) < 0)
        return -1;
    write_members(run, run->view->plan->members, ret);
    if (!buf_failed(ret) && !buf_failed(&run->scratch))
        return 0;
    ret->len = begin;
    return app_fail(err, APP_UPSTREAM_BROKEN, "%s: answer too large", kind->detail->name);
}
