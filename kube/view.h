/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Views: kinds are data. A resource is one table of fields (name in the answer, path in the
 * object, conversion, what stands there when it is missing); it is compiled once into a trie for
 * base/json_scan.h. The same tables serve lists, single objects and, later, watch events. A new
 * kind costs a table in kinds.c.
 *
 * Source: portal contract 9, 13.8, 13.9, 13.13-13.16; errata U1, U2; BUG-24, 25, 28.
 * Threads: any; a struct view_run has one user at a time. Nothing blocks.
 */
#ifndef CP_KUBE_VIEW_H
#define CP_KUBE_VIEW_H
#include "buf.h"
#include "error.h"
#include "json_scan.h"
#include "text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VIEW_SLOTS_MAX 64
#define VIEW_LISTS_MAX 8
#define VIEW_ROW_MAX_BYTES (512u * 1024u)
#define VIEW_DETAIL_MAX_BYTES (8u * 1024u * 1024u)

enum view_conv {
    VIEW_STRING,      /* a string */
    VIEW_DASH,        /* V-DASH: a string; an empty one counts as missing */
    VIEW_TEXT,        /* V-STR: any scalar as text; "" counts as missing */
    VIEW_INT,         /* an integer */
    VIEW_TIME,        /* V-TIME; missing or odd is "" */
    VIEW_MAP,         /* an object as it is; an empty one counts as missing (V-LABELS) */
    VIEW_RAW_OBJECT,  /* an object as it is */
    VIEW_RAW_ARRAY,   /* an array as it is */
    VIEW_ANNOTATIONS, /* V-ANNOT */
    VIEW_OBJECT, /* {sub fields}; with a path and missing text: only when the path is an object */
    VIEW_LIST,   /* path ends in []: an array of {sub fields} */
    VIEW_LIST_PLAIN, /* path ends in []: an array of the first sub field's value */
    VIEW_FOLD,       /* path ends in []: sub fields are read, fold() is called for each element;
                        gives no member of its own */
    VIEW_CUSTOM,     /* render() writes the value */
    VIEW_CONST,      /* always the missing text */
    VIEW_HIDDEN,     /* the path is read (for fold and render), nothing is written */
    VIEW_SPLICE      /* pod usage: {"usage":"-"}, or what list_run_set_usage() gives */
};

struct view_run;

/**
 * One field. Paths are relative to the object around: "a.b", "a[0].b" (first element), "a[].b" is
 * written as a list with a sub table; "" is the element itself.
 */
struct view_field {
    const char *out;     /* member name in the answer; NULL for VIEW_FOLD and VIEW_HIDDEN */
    const char *path;    /* NULL: none (VIEW_CONST, VIEW_CUSTOM, VIEW_OBJECT) */
    uint8_t conv;        /* enum view_conv */
    const char *missing; /* JSON text instead; NULL: null (VIEW_TIME: "") */
    const struct view_field *sub; /* ends with a row without conv and out: VIEW_END */
    /** VIEW_FOLD; slots are found by view_slot(). */
    void (*fold)(struct view_run *run, const struct view_field *self);
    /** VIEW_CUSTOM: append one JSON value. */
    void (*render)(struct view_run *run, const struct view_field *self, struct buf *out);
};

#define VIEW_END                                                                                   \
    {                                                                                              \
        NULL, NULL, VIEW_CONST, NULL, NULL, NULL, NULL                                             \
    }

/** The metadata every view reads besides its fields. */
enum view_column { VIEW_NAME, VIEW_NAMESPACE, VIEW_CREATED, VIEW_COLUMN_COUNT };

struct view_plan; /* the compiled form, view.c */

struct view {
    const char *name; /* for logs */
    const struct view_field *fields;
    const char *required;   /* detail, V-REQ: first-level objects that must be there, by blanks */
    struct view_plan *plan; /* filled once by view_prepare() */
};

struct kube_kind {
    const char *segment; /* of the portal's URL: "replicaSets"; the kind's name here */
    const char *group;   /* "" is the core group */
    const char *version;
    const char *plural; /* of the Kubernetes URL: "replicasets" */
    const char *kind;   /* "ReplicaSet" */
    bool namespaced;
    bool list_metadata; /* the list's own metadata is passed through as first member */
    struct view *list;
    struct view *detail;
};

extern const struct kube_kind kube_kinds[];
extern const size_t kube_kind_count;

/** @return the kind of the URL segment @p segment (exact letter case), or NULL. */
const struct kube_kind *kube_kind_find(const char *segment);

/**
 * Append the members of one object's detail view, without braces: "name":...,"uid":...
 *
 * @param bytes  the whole answer of the API server, at most VIEW_DETAIL_MAX_BYTES
 * @return 0, or -1 with APP_UPSTREAM_BROKEN (not JSON, not an object, too large) or APP_CODE_ERROR
 *         (JSON null; V-REQ: metadata, spec or status is missing, errata P2); @p ret is as before
 */
int view_render_detail(const struct kube_kind *kind, struct text bytes, int utc_offset_min,
                       struct buf *ret, struct app_error *err)
    __attribute__((nonnull, warn_unused_result));

/* ---- the same in pieces: for lists, metrics and folds ---- */

enum view_shape { VIEW_SINGLE, VIEW_ITEMS };

/** State of one scan. */
struct view_run {
    struct json_scan scan;
    const struct view *view;
    const struct view_plan *plan;
    int utc_offset_min;
    int (*on_item)(void *ctx, struct view_run *run); /* VIEW_ITEMS; -1 stops */
    void *ctx;
    size_t splice_at; /* set by view_render_row(): where the usage text begins; 0: nowhere */
    /* for folds, made zero when an item begins */
    struct {
        bool done;
        int64_t number;
        double sum[2];
        bool bad;
        struct scan_slot kept[2];
    } fold;
    struct scan_slot slots[VIEW_SLOTS_MAX];
    struct buf lists[VIEW_LISTS_MAX];  /* rendered elements, comma separated */
    uint32_t elements[VIEW_LISTS_MAX]; /* how many */
};

/** Compile all views of kube_kinds; done by itself at first use, cheap afterwards. */
void view_prepare(struct view *view);
/** @return a new run or NULL (no memory). @p capture_max_bytes bounds what one item may keep. */
struct view_run *view_run_create(struct view *view, enum view_shape shape, int utc_offset_min,
                                 size_t capture_max_bytes);
void view_run_destroy(struct view_run *run);
/** @return the raw token of column @p c of the current item, {NULL, 0} when it is no string. */
struct text view_column(const struct view_run *run, enum view_column c);
/** @return the slot of sub field number @p index of @p field (VIEW_FOLD), or of @p field's path
 * when @p index is -1. Never NULL. */
const struct scan_slot *view_slot(const struct view_run *run, const struct view_field *field,
                                  int index);
/** @return the token of a slot: one of the run's, or one that a fold kept. */
struct text view_token(const struct view_run *run, const struct scan_slot *slot);
/** Append {"name":...} of the current item. @return 0 or -1 (over ret's maximum, no memory). */
int view_render_row(struct view_run *run, struct buf *ret);
/** Append the members without braces. */
int view_render_members(struct view_run *run, struct buf *ret);
#endif
