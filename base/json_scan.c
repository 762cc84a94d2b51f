/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One state machine that can stop and go on at every byte. Nesting is a bit per level plus the node
 * of each open container, so a limit of depth costs nothing. Subtrees without a node run through
 * the same code with a NULL node: validated in full, never stored.
 */
#include "json_scan.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum state {
    ST_VALUE,       /* a value must come */
    ST_ARRAY_FIRST, /* a value or ] */
    ST_KEY_FIRST,   /* a key or } */
    ST_KEY,
    ST_COLON,
    ST_AFTER, /* comma or the end of the container */
    ST_DONE,  /* only white space */
    ST_STRING,
    ST_ESCAPE,
    ST_HEX,
    ST_LOW_BACKSLASH, /* after a high surrogate */
    ST_LOW_U,
    ST_UTF8,
    ST_LITERAL,
    ST_MINUS,
    ST_ZERO,
    ST_INT,
    ST_DOT,
    ST_FRACTION,
    ST_EXP,
    ST_EXP_SIGN,
    ST_EXP_DIGITS
};

static const char *fail(struct json_scan *s, enum scan_error e)
{
    if (s->error == SCAN_OK)
        s->error = e;
    return NULL;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static uint64_t bit(int d)
{
    return (uint64_t)1 << d;
}

/* ---- captured tokens ---- */

static void capture_begin(struct json_scan *s, const char *p, int slot)
{
    s->capturing = true;
    s->capture_depth = 0;
    s->span = p;
    s->open_slot = (int16_t)slot;
}

static int capture_end(struct json_scan *s, const char *p)
{
    struct scan_slot *slot = &s->slots[s->open_slot];

    s->capturing = false;
    if (buf_append(&s->bytes, s->span, (size_t)(p - s->span)) < 0) {
        fail(s, SCAN_TOO_LARGE);
        return -1;
    }
    slot->len = (uint32_t)(s->bytes.len - slot->off);
    if (slot->type == SCAN_STRING) {
        slot->escaped = s->escaped;
        slot->empty = slot->len == 2;
    }
    return 0;
}

static void open_slot(struct json_scan *s, const struct scan_node *node, enum scan_type type,
                      const char *p)
{
    struct scan_slot *slot = &s->slots[node->slot];

    *slot = (struct scan_slot){(uint32_t)s->bytes.len, 0, (uint8_t)type, false, false};
    if (node->keep == SCAN_KEEP_ANY || (node->keep == SCAN_KEEP_SCALAR && type < SCAN_OBJECT))
        capture_begin(s, p, node->slot);
}

/* ---- values and their containers ---- */

/* The value under way is whole. */
static inline const char *finish_value(struct json_scan *s, const char *p)
{
    const struct scan_node *node;
    int keep;

    if (s->depth == 0) {
        s->state = ST_DONE;
        return p;
    }
    s->state = ST_AFTER;
    node = s->nodes[s->depth - 1];
    if (!node || node->list < 0 || (s->is_object & bit(s->depth - 1)))
        return p;
    keep = s->handler ? s->handler->element_end(s->ctx, node->list) : 0;
    if (keep < 0)
        return fail(s, SCAN_STOPPED);
    if (keep == 0)
        s->bytes.len = s->marks[s->depth - 1];
    return p;
}

static inline const char *finish_scalar(struct json_scan *s, const char *p)
{
    if (s->capturing && s->capture_depth == 0 && capture_end(s, p) < 0)
        return NULL;
    return finish_value(s, p);
}

static inline void begin_element(struct json_scan *s)
{
    int d = s->depth - 1;
    const struct scan_node *node = s->nodes[d];

    s->next = NULL;
    if (!node || (node->first_only && (s->is_later & bit(d))))
        return;
    s->next = node->elem;
    if (node->list < 0)
        return;
    s->marks[d] = (uint32_t)s->bytes.len;
    memset(s->slots + node->slot_begin, 0,
           (size_t)(node->slot_end - node->slot_begin) * sizeof(s->slots[0]));
    if (s->handler)
        s->handler->element_begin(s->ctx, node->list);
}

static inline const char *open_container(struct json_scan *s, const char *p, bool is_object)
{
    const struct scan_node *node = s->next;
    int d = s->depth;

    if (d == SCAN_DEPTH_MAX)
        return fail(s, SCAN_TOO_DEEP);
    if (node && node->slot >= 0)
        open_slot(s, node, is_object ? SCAN_OBJECT : SCAN_ARRAY, p);
    s->nodes[d] = node;
    s->seen[d] = 0;
    s->is_later &= ~bit(d);
    s->is_object = is_object ? s->is_object | bit(d) : s->is_object & ~bit(d);
    s->depth = d + 1;
    if (s->capturing && s->capture_depth == 0)
        s->capture_depth = s->depth;
    if (!is_object && node && node->list >= 0 && s->handler)
        s->handler->list_begin(s->ctx, node->list);
    s->state = is_object ? ST_KEY_FIRST : ST_ARRAY_FIRST;
    return p + 1;
}

static inline const char *close_container(struct json_scan *s, const char *p)
{
    int d = s->depth - 1;
    const struct scan_node *node = s->nodes[d];

    if (node && node->slot >= 0)
        s->slots[node->slot].empty = !(s->is_later & bit(d));
    if (s->capturing && s->capture_depth == s->depth && capture_end(s, p + 1) < 0)
        return NULL;
    s->depth = d;
    return finish_value(s, p + 1);
}

static inline const char *begin_scalar(struct json_scan *s, const char *p, enum scan_type type,
                                       int state)
{
    if (s->next && s->next->slot >= 0)
        open_slot(s, s->next, type, p);
    s->state = state;
    return p + 1;
}

static const char *begin_literal(struct json_scan *s, const char *p, enum scan_type type,
                                 const char *rest)
{
    s->literal = rest;
    return begin_scalar(s, p, type, ST_LITERAL);
}

static const char *step_string(struct json_scan *s, const char *p, const char *end);

static inline const char *begin_value(struct json_scan *s, const char *p, const char *end)
{
    switch (*p) {
    case '{':
        return open_container(s, p, true);
    case '[':
        return open_container(s, p, false);
    case '"':
        s->escaped = false;
        return step_string(s, begin_scalar(s, p, SCAN_STRING, ST_STRING), end);
    case 't':
        return begin_literal(s, p, SCAN_TRUE, "rue");
    case 'f':
        return begin_literal(s, p, SCAN_FALSE, "alse");
    case 'n':
        return begin_literal(s, p, SCAN_NULL, "ull");
    case '-':
        return begin_scalar(s, p, SCAN_NUMBER, ST_MINUS);
    case '0':
        return begin_scalar(s, p, SCAN_NUMBER, ST_ZERO);
    default:
        if (is_digit(*p))
            return begin_scalar(s, p, SCAN_NUMBER, ST_INT);
        return fail(s, SCAN_MALFORMED);
    }
}

/* ---- keys ---- */

static bool keys_are_watched(const struct json_scan *s)
{
    const struct scan_node *node = s->nodes[s->depth - 1];

    return node && node->edge_count > 0;
}

/* A key that crosses a chunk is joined here. The buffer holds the longest watched key even when
 * every byte of it is spelled \\u00xx, else the result would depend on the chunks. */
static void key_append(struct json_scan *s, const char *p, size_t len)
{
    if (s->key_long || len > sizeof(s->key) - s->key_len) {
        s->key_long = true;
        return;
    }
    memcpy(s->key + s->key_len, p, len);
    s->key_len += len;
}

static size_t decode(const char *p, size_t len, char *ret);

static int match_plain_key(struct json_scan *s, struct text key)
{
    const struct scan_node *node = s->nodes[s->depth - 1];

    for (unsigned i = 0; i < node->edge_count; i++) {
        const struct scan_edge *e = &node->edges[i];

        if (e->len != key.len || memcmp(e->key, key.p, key.len) != 0)
            continue;
        if (s->seen[s->depth - 1] & (1u << i)) {
            fail(s, SCAN_DUPLICATE_KEY);
            return -1;
        }
        s->seen[s->depth - 1] |= 1u << i;
        s->next = e->node;
        break;
    }
    return 0;
}

/* Apart, so that the usual key pays nothing for the room. */
static __attribute__((noinline)) int match_escaped_key(struct json_scan *s, struct text key)
{
    char plain[sizeof(s->key)];

    key.len = decode(key.p, key.len, plain);
    key.p = plain;
    return match_plain_key(s, key);
}

static int match_key(struct json_scan *s, struct text key)
{
    return s->escaped ? match_escaped_key(s, key) : match_plain_key(s, key);
}

/* Like begin_value() goes on into the string at once: most strings end in the same chunk. */
static inline const char *begin_key(struct json_scan *s, const char *p, const char *end)
{
    s->is_key = true;
    s->escaped = false;
    s->key_span = p + 1;
    s->key_len = 0;
    s->key_long = false;
    s->is_later |= bit(s->depth - 1);
    s->state = ST_STRING;
    return step_string(s, p + 1, end);
}

/* The name before @p p, which is after its closing quote. */
static int take_key(struct json_scan *s, const char *p)
{
    struct text key = {s->key_span, (size_t)(p - 1 - s->key_span)};

    if (s->key_len > 0) {
        key_append(s, key.p, key.len);
        key = (struct text){s->key, s->key_len};
    }
    if (s->key_long || key.len > sizeof(s->key))
        return 0;
    return match_key(s, key);
}

static inline const char *finish_key(struct json_scan *s, const char *p, const char *end)
{
    s->is_key = false;
    s->next = NULL;
    if (keys_are_watched(s) && take_key(s, p) < 0)
        return NULL;
    if (p < end && *p == ':') {
        s->state = ST_VALUE;
        return p + 1;
    }
    s->state = ST_COLON;
    return p;
}

/* ---- strings ---- */

/* @return the first byte at or after @p p that is a quote, a backslash, a control character or not
 * ASCII; never reads at or past @p end. */
static const char *skip_plain(const char *p, const char *end)
{
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"'), back = _mm_set1_epi8('\\');
    const __m128i control = _mm_set1_epi8(0x1f);

    for (; end - p >= 16; p += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i stop = _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, back));
        int mask;

        /* movemask takes bit 7, so that v itself makes bytes that are not ASCII stop, too */
        stop = _mm_or_si128(stop, _mm_cmpeq_epi8(_mm_min_epu8(v, control), v));
        mask = _mm_movemask_epi8(_mm_or_si128(stop, v));
        if (mask)
            return p + __builtin_ctz((unsigned)mask);
    }
#endif
    while (p < end && *p != '"' && *p != '\\' && (unsigned char)(*p - 0x20) < 0x60)
        p++;
    return p;
}

struct utf8_class {
    unsigned char first, last, left, low, high; /* lead bytes; bytes to come; range of the second */
};

static const struct utf8_class utf8_classes[] = {
    {0xC2, 0xDF, 1, 0x80, 0xBF},
    {0xE0, 0xE0, 2, 0xA0, 0xBF},
    {0xE1, 0xEC, 2, 0x80, 0xBF},
    {0xED, 0xED, 2, 0x80, 0x9F},
    {0xEE, 0xEF, 2, 0x80, 0xBF},
    {0xF0, 0xF0, 3, 0x90, 0xBF},
    {0xF1, 0xF3, 3, 0x80, 0xBF},
    {0xF4, 0xF4, 3, 0x80, 0x8F}
};

static const char *begin_utf8(struct json_scan *s, const char *p)
{
    unsigned char c = (unsigned char)*p;

    for (size_t i = 0; i < sizeof(utf8_classes) / sizeof(utf8_classes[0]); i++) {
        const struct utf8_class *u = &utf8_classes[i];

        if (c < u->first || c > u->last)
            continue;
        s->utf8_left = u->left;
        s->utf8_low = u->low;
        s->utf8_high = u->high;
        s->state = ST_UTF8;
        return p + 1;
    }
    return fail(s, SCAN_MALFORMED);
}

static const char *step_utf8(struct json_scan *s, const char *p)
{
    unsigned char c = (unsigned char)*p;

    if (c < s->utf8_low || c > s->utf8_high)
        return fail(s, SCAN_MALFORMED);
    s->utf8_low = 0x80;
    s->utf8_high = 0xBF;
    if (--s->utf8_left == 0)
        s->state = ST_STRING;
    return p + 1;
}

static const char *step_string(struct json_scan *s, const char *p, const char *end)
{
    for (;;) {
        p = skip_plain(p, end);
        if (p == end)
            return p;
        if (*p != '\\' || end - p < 2 || (p[1] != '"' && p[1] != 'n' && p[1] != '\\'))
            break;
        s->escaped = true;
        p += 2;
    }
    if (*p == '"')
        return s->is_key ? finish_key(s, p + 1, end) : finish_scalar(s, p + 1);
    if (*p == '\\') {
        s->escaped = true;
        s->state = ST_ESCAPE;
        return p + 1;
    }
    if ((unsigned char)*p < 0x20)
        return fail(s, SCAN_MALFORMED);
    return begin_utf8(s, p);
}

static const char *step_escape(struct json_scan *s, const char *p)
{
    if (*p == 'u') {
        s->hex_left = 4;
        s->hex = 0;
        s->hex_high = 0;
        s->state = ST_HEX;
        return p + 1;
    }
    if (*p == '\0' || !strchr("\"\\/bfnrt", *p))
        return fail(s, SCAN_MALFORMED);
    s->state = ST_STRING;
    return p + 1;
}

static int hex_value(char c)
{
    if (is_digit(c))
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static const char *step_hex(struct json_scan *s, const char *p)
{
    int v = hex_value(*p);
    bool is_high, is_low;

    if (v < 0)
        return fail(s, SCAN_MALFORMED);
    s->hex = (uint16_t)(s->hex << 4 | v);
    if (--s->hex_left > 0)
        return p + 1;
    is_high = s->hex >= 0xD800 && s->hex <= 0xDBFF;
    is_low = s->hex >= 0xDC00 && s->hex <= 0xDFFF;
    if (is_low != (s->hex_high == 1))
        return fail(s, SCAN_MALFORMED);
    s->hex_high = is_high;
    s->state = is_high ? ST_LOW_BACKSLASH : ST_STRING;
    return p + 1;
}

static const char *step_low(struct json_scan *s, const char *p)
{
    if (*p != (s->state == ST_LOW_BACKSLASH ? '\\' : 'u'))
        return fail(s, SCAN_MALFORMED);
    s->hex_left = 4;
    s->hex = 0;
    s->state = s->state == ST_LOW_BACKSLASH ? ST_LOW_U : ST_HEX;
    return p + 1;
}

/* ---- numbers and literals ---- */

static const char *step_literal(struct json_scan *s, const char *p)
{
    if (*p != *s->literal)
        return fail(s, SCAN_MALFORMED);
    s->literal++;
    return *s->literal ? p + 1 : finish_scalar(s, p + 1);
}

static bool number_may_end(int state)
{
    return state == ST_ZERO || state == ST_INT || state == ST_FRACTION || state == ST_EXP_DIGITS;
}

enum number_char { NC_ZERO, NC_DIGIT, NC_DOT, NC_EXP, NC_PLUS, NC_MINUS, NC_COUNT };

/* The state after a character; 0: it is not part of the number. */
static const uint8_t number_states[][NC_COUNT] = {
  /* 0             1-9            .       e       +            -           */
    {ST_ZERO,       ST_INT,        0,      0,      0,           0          }, /* ST_MINUS */
    {0,             0,             ST_DOT, ST_EXP, 0,           0          }, /* ST_ZERO */
    {ST_INT,        ST_INT,        ST_DOT, ST_EXP, 0,           0          }, /* ST_INT */
    {ST_FRACTION,   ST_FRACTION,   0,      0,      0,           0          }, /* ST_DOT */
    {ST_FRACTION,   ST_FRACTION,   0,      ST_EXP, 0,           0          }, /* ST_FRACTION */
    {ST_EXP_DIGITS, ST_EXP_DIGITS, 0,      0,      ST_EXP_SIGN, ST_EXP_SIGN}, /* ST_EXP */
    {ST_EXP_DIGITS, ST_EXP_DIGITS, 0,      0,      0,           0          }, /* ST_EXP_SIGN */
    {ST_EXP_DIGITS, ST_EXP_DIGITS, 0,      0,      0,           0          }
};                    /* ST_EXP_DIGITS */

static enum number_char number_class(char c)
{
    switch (c) {
    case '0':
        return NC_ZERO;
    case '.':
        return NC_DOT;
    case 'e':
    case 'E':
        return NC_EXP;
    case '+':
        return NC_PLUS;
    case '-':
        return NC_MINUS;
    default:
        return is_digit(c) ? NC_DIGIT : NC_COUNT;
    }
}

static int number_next(int state, char c)
{
    enum number_char nc = number_class(c);

    return nc == NC_COUNT ? 0 : number_states[state - ST_MINUS][nc];
}

static const char *step_number(struct json_scan *s, const char *p, const char *end)
{
    for (; p < end; p++) {
        int next = number_next(s->state, *p);

        if (next == 0)
            return number_may_end(s->state) ? finish_scalar(s, p) : fail(s, SCAN_MALFORMED);
        s->state = next;
    }
    return p;
}

/* ---- punctuation ---- */

static inline const char *step_after(struct json_scan *s, const char *p, const char *end)
{
    int d = s->depth - 1;
    bool is_object = s->is_object & bit(d);

    if (*p == (is_object ? '}' : ']'))
        return close_container(s, p);
    if (*p != ',')
        return fail(s, SCAN_MALFORMED);
    s->state = is_object ? ST_KEY : ST_VALUE;
    if (!is_object)
        begin_element(s);
    else if (end - p > 1 && p[1] == '"')
        return begin_key(s, p + 1, end);
    return p + 1;
}

static inline const char *step_key(struct json_scan *s, const char *p, const char *end)
{
    if (*p == '"')
        return begin_key(s, p, end);
    if (*p == '}' && s->state == ST_KEY_FIRST)
        return close_container(s, p);
    return fail(s, SCAN_MALFORMED);
}

static const char *step_array_first(struct json_scan *s, const char *p, const char *end)
{
    if (*p == ']')
        return close_container(s, p);
    begin_element(s);
    s->is_later |= bit(s->depth - 1);
    return begin_value(s, p, end);
}

static const char *step_colon(struct json_scan *s, const char *p)
{
    if (*p != ':')
        return fail(s, SCAN_MALFORMED);
    s->state = ST_VALUE;
    return p + 1;
}

/* States between tokens: white space is skipped first. */
static const char *step_between(struct json_scan *s, const char *p, const char *end)
{
    while (is_space(*p))
        if (++p == end)
            return p;
    switch (s->state) {
    case ST_VALUE:
        return begin_value(s, p, end);
    case ST_ARRAY_FIRST:
        return step_array_first(s, p, end);
    case ST_KEY_FIRST:
    case ST_KEY:
        return step_key(s, p, end);
    case ST_COLON:
        return step_colon(s, p);
    case ST_AFTER:
        return step_after(s, p, end);
    default: /* ST_DONE */
        return fail(s, SCAN_MALFORMED);
    }
}

static inline const char *step(struct json_scan *s, const char *p, const char *end)
{
    if (s->state <= ST_DONE)
        return step_between(s, p, end);
    switch (s->state) {
    case ST_STRING:
        return step_string(s, p, end);
    case ST_ESCAPE:
        return step_escape(s, p);
    case ST_HEX:
        return step_hex(s, p);
    case ST_LOW_BACKSLASH:
    case ST_LOW_U:
        return step_low(s, p);
    case ST_UTF8:
        return step_utf8(s, p);
    case ST_LITERAL:
        return step_literal(s, p);
    default:
        return step_number(s, p, end);
    }
}

/* ---- the public face ---- */

void json_scan_init(struct json_scan *s, const struct scan_node *root, struct scan_slot *slots,
                    size_t capture_max_bytes)
{
    memset(s, 0, sizeof(*s));
    s->root = root;
    s->next = root;
    s->slots = slots;
    s->state = ST_VALUE;
    buf_init(&s->bytes, capture_max_bytes < UINT32_MAX ? capture_max_bytes : UINT32_MAX);
}

void json_scan_set_handler(struct json_scan *s, const struct scan_handler *handler, void *ctx)
{
    s->handler = handler;
    s->ctx = ctx;
}

void json_scan_finish(struct json_scan *s)
{
    buf_finish(&s->bytes);
}

/* Keep what lies in this chunk of a token that goes on in the next. */
static int carry_over(struct json_scan *s, const char *end)
{
    if (s->is_key && keys_are_watched(s))
        key_append(s, s->key_span, (size_t)(end - s->key_span));
    if (!s->capturing || buf_append(&s->bytes, s->span, (size_t)(end - s->span)) == 0)
        return 0;
    fail(s, SCAN_TOO_LARGE);
    return -1;
}

int json_scan_feed(struct json_scan *s, const char *bytes, size_t len)
{
    const char *p = bytes, *end = bytes + len;

    if (s->error != SCAN_OK)
        return -1;
    if (len == 0)
        return 0;
    s->span = bytes;
    s->key_span = bytes;
    while (p < end) {
        const char *next = step(s, p, end);

        if (!next) {
            s->consumed += (uint64_t)(p - bytes);
            return -1;
        }
        p = next;
    }
    s->consumed += len;
    return carry_over(s, end);
}

int json_scan_end(struct json_scan *s)
{
    if (s->error != SCAN_OK)
        return -1;
    /* a number at the root ends with the document; its bytes were carried over already */
    if (s->depth == 0 && number_may_end(s->state)) {
        s->span = "";
        finish_scalar(s, s->span);
    }
    if (s->error == SCAN_OK && s->state != ST_DONE)
        fail(s, SCAN_MALFORMED);
    return s->error == SCAN_OK ? 0 : -1;
}

struct text json_scan_raw(const struct json_scan *s, int slot)
{
    const struct scan_slot *v = &s->slots[slot];

    if (v->len == 0 || (size_t)v->off + v->len > s->bytes.len)
        return (struct text){NULL, 0};
    return (struct text){s->bytes.data + v->off, v->len};
}

const char *json_scan_error_name(enum scan_error e)
{
    static const char *const names[] = {"ok",        "malformed", "too deep", "duplicate key",
                                        "too large", "stopped"};

    return names[e];
}

/* ---- tokens that a scan has validated ---- */

static unsigned hex4(const char *p)
{
    unsigned v = 0;

    for (int i = 0; i < 4; i++)
        v = v << 4 | (unsigned)hex_value(p[i]);
    return v;
}

static size_t put_utf8(unsigned c, char *ret)
{
    if (c < 0x80) {
        ret[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        ret[0] = (char)(0xC0 | c >> 6);
        ret[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        ret[0] = (char)(0xE0 | c >> 12);
        ret[1] = (char)(0x80 | (c >> 6 & 0x3F));
        ret[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    ret[0] = (char)(0xF0 | c >> 18);
    ret[1] = (char)(0x80 | (c >> 12 & 0x3F));
    ret[2] = (char)(0x80 | (c >> 6 & 0x3F));
    ret[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

/* @p p is at the u of a valid escape. @return bytes read */
static size_t decode_unicode(const char *p, char *ret, size_t *ret_len)
{
    unsigned c = hex4(p + 1);

    if (c < 0xD800 || c > 0xDBFF) {
        *ret_len = put_utf8(c, ret);
        return 5;
    }
    c = 0x10000 + ((c - 0xD800) << 10) + (hex4(p + 7) - 0xDC00);
    *ret_len = put_utf8(c, ret);
    return 11;
}

/* Decode @p len validated bytes between the quotes; the result is never longer. */
static size_t decode(const char *p, size_t len, char *ret)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *end = p + len;
    char *out = ret;

    while (p < end) {
        size_t n = 1;

        if (*p != '\\') {
            *out++ = *p++;
            continue;
        }
        p++;
        if (*p == 'u') {
            p += decode_unicode(p, out, &n);
        } else {
            *out = to[strchr(from, *p) - from];
            p++;
        }
        out += n;
    }
    return (size_t)(out - ret);
}

int json_token_decode(struct text token, struct buf *ret)
{
    if (token.len < 2 || token.p[0] != '"' || buf_reserve(ret, token.len) < 0)
        return -1;
    ret->len += decode(token.p + 1, token.len - 2, ret->data + ret->len);
    ret->data[ret->len] = '\0';
    return 0;
}

static const char *string_end(const char *p, const char *end)
{
    for (p++; p < end && *p != '"'; p++)
        if (*p == '\\')
            p++;
    return p < end ? p + 1 : end;
}

static const char *token_end(const char *p, const char *end)
{
    int depth = 0;

    if (*p == '"')
        return string_end(p, end);
    while (p < end) {
        if (*p == '"') {
            p = string_end(p, end);
            continue;
        }
        if (depth == 0 && (*p == ',' || *p == '}' || *p == ']' || is_space(*p)))
            return p;
        if (*p == '{' || *p == '[')
            depth++;
        if ((*p == '}' || *p == ']') && --depth == 0)
            return p + 1;
        p++;
    }
    return p;
}

static const char *skip_space(const char *p, const char *end)
{
    while (p < end && is_space(*p))
        p++;
    return p;
}

bool json_token_next(struct text *rest, struct text *ret_key, struct text *ret_value)
{
    const char *end = rest->p + rest->len, *p = skip_space(rest->p, end), *after;

    /* the opening bracket at first, then the comma between two members */
    if (p < end && (*p == '{' || *p == '[' || *p == ','))
        p = skip_space(p + 1, end);
    if (p == end || *p == '}' || *p == ']')
        return false;
    *ret_key = (struct text){NULL, 0};
    after = token_end(p, end);
    if (*p == '"' && skip_space(after, end) < end && *skip_space(after, end) == ':') {
        *ret_key = (struct text){p, (size_t)(after - p)};
        p = skip_space(skip_space(after, end) + 1, end);
        after = token_end(p, end);
    }
    *ret_value = (struct text){p, (size_t)(after - p)};
    *rest = (struct text){after, (size_t)(end - after)};
    return true;
}
