/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A streaming JSON extractor: it validates a document (RFC 8259, UTF-8 strict) that arrives in
 * chunks of any size and keeps only the values a trie of paths asks for. No tree, no recursion, no
 * allocation but the captured bytes.
 *
 * What is stricter than the RFC: depth over 64, a key given twice on a watched path (readers
 * disagree on which one counts), a lone surrogate, more captured bytes than allowed. What readers
 * often refuse and this accepts: the escape \\u0000, numbers of any size, duplicate keys elsewhere.
 *
 * Threads: one user of a struct json_scan at a time; tries are read-only. Never blocks.
 */
#ifndef CP_JSON_SCAN_H
#define CP_JSON_SCAN_H
#include "buf.h"
#include "text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCAN_DEPTH_MAX 64
#define SCAN_KEY_MAX 48 /* bytes of a watched key */
#define SCAN_NONE (-1)

enum scan_type {
    SCAN_ABSENT,
    SCAN_NULL,
    SCAN_FALSE,
    SCAN_TRUE,
    SCAN_NUMBER,
    SCAN_STRING,
    SCAN_OBJECT,
    SCAN_ARRAY
};

enum scan_keep {
    SCAN_KEEP_TYPE,   /* only type and emptiness */
    SCAN_KEEP_SCALAR, /* also the token of a string, number or literal */
    SCAN_KEEP_ANY     /* also a whole object or array; such a node has no edges and no elements */
};

struct scan_node;

struct scan_edge {
    const char *key; /* plain text, no escapes */
    size_t len;
    const struct scan_node *node;
};

/** One watched place. Compiled by the caller, borrowed for the life of the scan. */
struct scan_node {
    const struct scan_edge *edges; /* when it is an object */
    uint8_t edge_count;            /* at most 32: one bit each tells a key given twice */
    uint8_t keep;                  /* enum scan_keep */
    bool first_only;               /* when it is an array: only element 0 is watched */
    int16_t slot;                  /* where the value goes, or SCAN_NONE */
    int16_t list;                  /* number given to the handler for each element, or SCAN_NONE */
    int16_t slot_begin, slot_end;  /* slots of one element, made absent when it begins */
    const struct scan_node *elem;  /* when it is an array; NULL: elements are not watched */
};

/** One value that was seen. */
struct scan_slot {
    uint32_t off, len; /* its token in json_scan_raw(), quotes included; len 0: not kept */
    uint8_t type;      /* enum scan_type */
    bool escaped;      /* a string that holds a backslash */
    bool empty;        /* "", {} or [] */
};

/** Called while scanning; ctx is the caller's. A list is a node with list >= 0. */
struct scan_handler {
    void (*list_begin)(void *ctx, int list);
    void (*element_begin)(void *ctx, int list);
    /** @return 0: drop what was captured since the element began; 1: keep it; -1: stop the scan. */
    int (*element_end)(void *ctx, int list);
};

enum scan_error {
    SCAN_OK,
    SCAN_MALFORMED, /* not JSON, not UTF-8, cut off, bytes after the end */
    SCAN_TOO_DEEP,
    SCAN_DUPLICATE_KEY,
    SCAN_TOO_LARGE, /* captured bytes over the maximum, or no memory */
    SCAN_STOPPED    /* by the handler */
};

/** Private but for error and consumed; in the header so that it can be embedded. */
struct json_scan {
    const struct scan_node *root;
    struct scan_slot *slots;
    const struct scan_handler *handler;
    void *ctx;
    struct buf bytes;
    enum scan_error error;
    uint64_t consumed; /* bytes fed so far: the place of an error, roughly */
    int state;
    int depth;
    uint64_t is_object; /* bit d: container d is an object, else an array */
    uint64_t is_later;  /* bit d: container d has had a member or element */
    int capture_depth;  /* > 0: a container is being captured, its depth */
    bool capturing;
    const char *span;  /* start of the captured bytes in this chunk */
    int16_t open_slot; /* of the scalar under way */
    bool is_key;       /* the string under way is a key */
    bool escaped;
    uint8_t hex_left, hex_high; /* \\u digits to come; 1: a high surrogate waits for its low one */
    uint16_t hex;
    uint8_t utf8_left, utf8_low, utf8_high; /* bytes to come and the range of the next */
    const char *literal;                    /* what is left of true, false, null */
    const struct scan_node *next;           /* node of the value to come */
    const char *key_span;
    size_t key_len;
    bool key_long;
    char key[SCAN_KEY_MAX * 6];
    const struct scan_node *nodes[SCAN_DEPTH_MAX];
    uint32_t seen[SCAN_DEPTH_MAX];
    uint32_t marks[SCAN_DEPTH_MAX];
};

/**
 * Begin a document. @p slots must be as many as the trie names; the caller resets them for a second
 * document. @p capture_max_bytes bounds what is kept at one time.
 */
void json_scan_init(struct json_scan *s, const struct scan_node *root, struct scan_slot *slots,
                    size_t capture_max_bytes) __attribute__((nonnull));
/** Have @p handler called for list elements; ctx is passed through. */
void json_scan_set_handler(struct json_scan *s, const struct scan_handler *handler, void *ctx);
/** Free what was captured. */
void json_scan_finish(struct json_scan *s);
/** @return 0, or -1 and s->error; after an error every call fails. Reads exactly @p len bytes. */
int json_scan_feed(struct json_scan *s, const char *bytes, size_t len)
    __attribute__((warn_unused_result));
/** No more bytes: @return 0 when the document was whole, else -1 and s->error. */
int json_scan_end(struct json_scan *s) __attribute__((warn_unused_result));
/** @return the token of @p slot as it stood in the document (valid until the next feed or the end
 * of the element), or {NULL, 0} when it is absent or was not kept. */
struct text json_scan_raw(const struct json_scan *s, int slot);
/** @return "malformed", ...: for logs. */
const char *json_scan_error_name(enum scan_error e);

/* ---- tokens that a scan has validated ---- */

/** Append the decoded text of the string token @p token (quotes included). @return 0 or -1 (buf).
 */
int json_token_decode(struct text token, struct buf *ret);
/**
 * Walk the members of an object token (or the elements of an array token: keys are then empty).
 * @p rest starts as the whole token and is moved on. @return true and *key, *value; false at the
 * end.
 */
bool json_token_next(struct text *rest, struct text *ret_key, struct text *ret_value);
#endif
