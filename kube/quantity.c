/* SPDX-License-Identifier: Apache-2.0 */
#include "quantity.h"

#include "buf.h"
#include "view.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USAGE_ITEM_MAX_BYTES ((size_t)64 * 1024)
#define USAGE_NAMES_MAX_BYTES ((size_t)32 * 1024 * 1024)

/* ---- quantities ---- */

struct suffix {
    const char *text;
    double factor;
};

static const struct suffix suffixes[] = {
    {"n",  1e-9  },
    {"u",  1e-6  },
    {"m",  1e-3  },
    {"",   1     },
    {"k",  1e3   },
    {"M",  1e6   },
    {"G",  1e9   },
    {"T",  1e12  },
    {"P",  1e15  },
    {"E",  1e18  },
    {"Ki", 0x1p10},
    {"Mi", 0x1p20},
    {"Gi", 0x1p30},
    {"Ti", 0x1p40},
    {"Pi", 0x1p50},
    {"Ei", 0x1p60}
};

/* [+-]digits[.digits], at least one digit. Up to 19 digits are exact, later ones do not matter for
 * millicores and MiB. */
static int parse_decimal(struct text t, double *ret)
{
    double value = 0, scale = 1;
    size_t i = t.len > 0 && (t.p[0] == '-' || t.p[0] == '+'), digits = 0;
    bool has_point = false;

    for (; i < t.len; i++) {
        if (t.p[i] == '.' && !has_point) {
            has_point = true;
            continue;
        }
        if (t.p[i] < '0' || t.p[i] > '9')
            return -1;
        value = value * 10 + (t.p[i] - '0');
        scale *= has_point ? 10 : 1;
        digits++;
    }
    if (digits == 0 || digits > 40)
        return -1;
    *ret = (t.p[0] == '-' ? -value : value) / scale;
    return 0;
}

static int parse_factor(struct text suffix, double *ret)
{
    int64_t exponent;

    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        if (!text_eq_str(suffix, suffixes[i].text))
            continue;
        *ret = suffixes[i].factor;
        return 0;
    }
    if (suffix.len < 2 || (suffix.p[0] != 'e' && suffix.p[0] != 'E'))
        return -1;
    suffix = (struct text){suffix.p + 1, suffix.len - 1};
    if (suffix.len > 1 && suffix.p[0] == '+' && suffix.p[1] != '-')
        suffix = (struct text){suffix.p + 1, suffix.len - 1};
    if (text_to_i64(suffix, &exponent) < 0 || exponent < -400 || exponent > 400)
        return -1;
    *ret = pow(10, (double)exponent);
    return 0;
}

int kube_quantity_parse(struct text t, double *ret)
{
    size_t cut = 0;
    double value, factor;

    while (cut < t.len && (t.p[cut] == '\0' || !strchr("eEinumkKMGTP", t.p[cut])))
        cut++;
    if (parse_decimal((struct text){t.p, cut}, &value) < 0 ||
        parse_factor((struct text){t.p + cut, t.len - cut}, &factor) < 0)
        return -1;
    value *= factor;
    if (!isfinite(value))
        return -1;
    *ret = value;
    return 0;
}

int64_t kube_round_half_up(double x)
{
    x = floor(x + 0.5);
    if (x >= 0x1p63)
        return INT64_MAX;
    return x < -0x1p63 ? INT64_MIN : (int64_t)x;
}

/* ---- usage of pods ---- */

struct usage_entry {
    size_t path_at, path_len; /* "namespace/name" in names */
    double cpu, memory;
};

struct kube_usage {
    struct view_run *view;
    struct usage_entry *entries;
    size_t count, cap;
    struct buf names;
    struct buf scratch;
};

static void add_quantity(struct view_run *run, const struct scan_slot *slot, double *sum)
{
    struct text t = view_token(run, slot);
    double value;

    if (!t.p || slot->type == SCAN_NULL)
        return; /* a container without this figure counts 0 */
    if (slot->type == SCAN_STRING)
        t = (struct text){t.p + 1, t.len - 2};
    if (kube_quantity_parse(t, &value) < 0)
        run->fold.bad = true;
    else
        *sum += value;
}

static void fold_usage(struct view_run *run, const struct view_member *self)
{
    add_quantity(run, view_slot(run, self, 0), &run->fold.sum[0]);
    add_quantity(run, view_slot(run, self, 1), &run->fold.sum[1]);
}

static const struct view_field container_usage_fields[] = {
    {NULL, "usage.cpu",    VIEW_STRING, NULL, NULL, NULL, NULL},
    {NULL, "usage.memory", VIEW_STRING, NULL, NULL, NULL, NULL},
    VIEW_END
};
static const struct view_field usage_fields[] = {
    {NULL, "containers[]", VIEW_FOLD, NULL, container_usage_fields, fold_usage, NULL},
    VIEW_END
};
static struct view usage_view = {
    .name = "pod metrics", .fields = usage_fields, .required = NULL, .plain = false, .plan = NULL};

static struct usage_entry *new_entry(struct kube_usage *u)
{
    size_t cap = u->cap ? u->cap * 2 : 64;
    struct usage_entry *entries;

    if (u->count < u->cap)
        return &u->entries[u->count++];
    entries = realloc(u->entries, cap * sizeof(*entries));
    if (!entries)
        return NULL;
    u->entries = entries;
    u->cap = cap;
    return &u->entries[u->count++];
}

static int on_item(void *ctx, struct view_run *run)
{
    struct kube_usage *u = ctx;
    struct usage_entry *e;
    struct text ns, name;
    size_t at = u->names.len;

    if (run->fold.bad)
        return -1;
    buf_reset(&u->scratch);
    if (buf_reserve(&u->scratch, run->scan.bytes.len) < 0)
        return -1;
    ns = view_text(run, &run->slots[VIEW_SLOT_NAMESPACE], &u->scratch);
    name = view_text(run, &run->slots[VIEW_SLOT_NAME], &u->scratch);
    if (!ns.p || !name.p)
        return 0;
    e = new_entry(u);
    if (!e)
        return -1;
    buf_append(&u->names, ns.p, ns.len);
    buf_append_char(&u->names, '/');
    buf_append(&u->names, name.p, name.len);
    *e = (struct usage_entry){at, u->names.len - at, run->fold.sum[0], run->fold.sum[1]};
    return buf_failed(&u->names) ? -1 : 0;
}

struct kube_usage *kube_usage_create(void)
{
    struct kube_usage *u = calloc(1, sizeof(*u));

    if (!u)
        return NULL;
    u->view = view_run_create(&usage_view, VIEW_ITEMS, 0, USAGE_ITEM_MAX_BYTES);
    if (!u->view) {
        free(u);
        return NULL;
    }
    u->view->on_item = on_item;
    u->view->ctx = u;
    buf_init(&u->names, USAGE_NAMES_MAX_BYTES);
    buf_init(&u->scratch, 2 * USAGE_ITEM_MAX_BYTES);
    return u;
}

void kube_usage_destroy(struct kube_usage *u)
{
    if (!u)
        return;
    view_run_destroy(u->view);
    buf_finish(&u->names);
    buf_finish(&u->scratch);
    free(u->entries);
    free(u);
}

void kube_usage_destroy_p(struct kube_usage **u)
{
    kube_usage_destroy(*u);
}

int kube_usage_feed(struct kube_usage *u, const void *bytes, size_t len)
{
    return json_scan_feed(&u->view->scan, bytes, len);
}

static struct text entry_path(const struct kube_usage *u, const struct usage_entry *e)
{
    return (struct text){u->names.data + e->path_at, e->path_len};
}

/* A sorted table and not a hash: names come from the cluster's users, a bad day must stay n log n.
 */
static int compare_entries(const void *a, const void *b, void *u)
{
    return text_cmp(entry_path(u, a), entry_path(u, b));
}

int kube_usage_finish(struct kube_usage *u, struct app_error *err)
{
    if (json_scan_end(&u->view->scan) < 0)
        return app_fail(err, APP_UPSTREAM_BROKEN, "pod metrics: %s at byte %llu",
                        json_scan_error_name(u->view->scan.error),
                        (unsigned long long)u->view->scan.consumed);
    if (u->view->slots[VIEW_SLOT_ITEMS].type != SCAN_ARRAY)
        return app_fail(err, APP_UPSTREAM_BROKEN, "pod metrics: no items");
    if (u->count > 1)
        qsort_r(u->entries, u->count, sizeof(*u->entries), compare_entries, u);
    return 0;
}

/* @return < 0, 0, > 0 as "namespace/name" stands to @p path */
static int compare_path(struct text ns, struct text name, struct text path)
{
    struct text head = {path.p, path.len < ns.len ? path.len : ns.len};
    int c = text_cmp(ns, head);

    if (c)
        return c;
    path = (struct text){path.p + ns.len, path.len - ns.len};
    if (path.len == 0)
        return 1;
    if (path.p[0] != '/')
        return '/' - (unsigned char)path.p[0];
    return text_cmp(name, (struct text){path.p + 1, path.len - 1});
}

static const struct usage_entry *find(const struct kube_usage *u, struct text ns, struct text name)
{
    size_t low = 0, high = u->count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int c = compare_path(ns, name, entry_path(u, &u->entries[mid]));

        if (c == 0)
            return &u->entries[mid];
        if (c < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}

bool kube_usage_lookup(void *usage, struct text namespace_name, struct text name,
                       struct list_usage *ret)
{
    const struct usage_entry *e = find(usage, namespace_name, name);

    if (!e)
        return false;
    snprintf(ret->cpu, sizeof(ret->cpu), "%lldm", (long long)kube_round_half_up(e->cpu * 1000));
    snprintf(ret->memory, sizeof(ret->memory), "%lldMi",
             (long long)kube_round_half_up(e->memory / 0x1p20));
    return true;
}
