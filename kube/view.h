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
#define VIEW_ROW_MAX_BYTES ((size_t)512 * 1024)
#define VIEW_DETAIL_MAX_BYTES ((size_t)8 * 1024 * 1024)

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
    VIEW_TYPE,       /* sub path of a fold or custom field of which only the type counts */
    VIEW_CONST,      /* always the missing text */
    VIEW_SPLICE,     /* pod usage: {"usage":"-"}, or what list_run_set_usage() gives */
    VIEW_LAST        /* VIEW_END */
};

struct view_run;
struct view_member;

/**
 * One field. Paths are relative to the object around: "a.b", "a[0].b" (first element only), "a[]"
 * (lists and folds), "" (the element itself).
 */
struct view_field {
    const char *out;     /* member name in the answer; NULL for VIEW_FOLD */
    const char *path;    /* NULL: none (VIEW_CONST, VIEW_CUSTOM, VIEW_SPLICE, VIEW_OBJECT) */
    uint8_t conv;        /* enum view_conv */
    const char *missing; /* JSON text written instead; NULL: the conversion's own (see view.c) */
    const struct view_field
        *sub; /* ends with VIEW_END; of VIEW_CUSTOM: paths that render() reads */
    /** VIEW_FOLD: called at the end of each element. */
    void (*fold)(struct view_run *run, const struct view_member *self);
    /** VIEW_CUSTOM: append one JSON value. */
    void (*render)(struct view_run *run, const struct view_member *self, struct buf *out);
};

#define VIEW_END                                                                                   \
    {                                                                                              \
        NULL, NULL, VIEW_LAST, NULL, NULL, NULL, NULL                                              \
    }

/** A field as it is compiled; what folds and renders get as self. */
struct view_member {
    const struct view_field *field;
    int16_t slot;                  /* SCAN_NONE without a path */
    int16_t list;                  /* VIEW_LIST, VIEW_LIST_PLAIN, VIEW_FOLD */
    const struct view_member *sub; /* ends with field == NULL */
    const char *head;              /* "name": */
    size_t head_len;
};

struct view_plan; /* the compiled form, view.c */

struct view {
    const char *name; /* for logs */
    const struct view_field *fields;
    const char *required;   /* detail, V-REQ: first-level objects that must be there, by blanks */
    const char *match;      /* path of the text that list_run_set_match() compares; NULL: none */
    bool plain;             /* a row is the first field's value alone, without braces */
    struct view_plan *plan; /* compiled at first use, for the life of the process */
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

/** The names alone, as JSON strings; for select boxes (list_run_create_view()). */
extern struct view kube_view_names;
/** Pods as in their list; its match is the uid of the first owner. */
extern struct view kube_view_pods_by_owner;
/** The labels alone, {} when there are none; for kube_labels_collect(). */
extern struct view kube_view_labels;

/** A node as a detail that is only "ready": status of its condition, or null. Not in kube_kinds. */
extern const struct kube_kind kube_node_ready;

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

/** Slots that every plan has. The first three belong to the list, the others to the item. */
enum view_fixed_slot {
    VIEW_SLOT_ROOT,
    VIEW_SLOT_ITEMS,
    VIEW_SLOT_METADATA,
    VIEW_SLOT_ITEM,
    VIEW_SLOT_NAME, /* metadata.name, .namespace, .creationTimestamp */
    VIEW_SLOT_NAMESPACE,
    VIEW_SLOT_CREATED,
    VIEW_SLOT_MATCH, /* the view's match */
    VIEW_SLOT_NONE,  /* never set: stands for a value that is missing */
    VIEW_SLOT_FIRST
};

enum view_shape { VIEW_SINGLE, VIEW_ITEMS };

/** What folds gather, made zero when an item begins. */
struct view_fold {
    bool done;
    bool bad;
    int outcome;
    double sum[2];
    struct scan_slot kept[2]; /* their tokens stay valid until the item ends */
};

/** State of one scan. */
struct view_run {
    struct json_scan scan;
    const struct view *view;
    int utc_offset_min;
    int (*on_item)(void *ctx, struct view_run *run); /* VIEW_ITEMS; -1 stops the scan */
    void *ctx;
    size_t splice_at; /* set by view_render_row(): offset in the row of the first VIEW_SPLICE value,
                         0: none */
    struct view_fold fold;
    struct buf scratch;
    struct scan_slot slots[VIEW_SLOTS_MAX];
    struct buf lists[VIEW_LISTS_MAX];  /* rendered elements, comma separated */
    uint32_t elements[VIEW_LISTS_MAX]; /* how many */
};

/** @return a new run or NULL (no memory). @p capture_max_bytes bounds what one item may keep. */
struct view_run *view_run_create(struct view *view, enum view_shape shape, int utc_offset_min,
                                 size_t capture_max_bytes) __attribute__((nonnull));
void view_run_destroy(struct view_run *run);
/** @return the slot of sub path number @p index of @p self, or of its own path for -1. */
const struct scan_slot *view_slot(const struct view_run *run, const struct view_member *self,
                                  int index);
/** @return the token of a slot, {NULL, 0} when it is absent or was not kept. */
struct text view_token(const struct view_run *run, const struct scan_slot *slot);
/**
 * @return the decoded text of a string slot: inside the captured bytes, or in @p scratch when it
 * holds escapes (valid until that is reset); {NULL, 0} when it is no string or memory is short.
 */
struct text view_text(const struct view_run *run, const struct scan_slot *slot,
                      struct buf *scratch);
/** Append the current item: {"name":...}. @return 0 or -1 (over ret's maximum, no memory). */
int view_render_row(struct view_run *run, struct buf *ret) __attribute__((warn_unused_result));
/** As view_put_token(), but only for an integer. */
void view_put_integer(const struct view_run *run, const struct scan_slot *slot, const char *missing,
                      struct buf *out);
/** Append a string, number or literal slot as it is; @p missing for null and what is absent. */
void view_put_token(const struct view_run *run, const struct scan_slot *slot, const char *missing,
                    struct buf *out);
#endif
