/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vector tables for the extractor: each text stands as a watched value, beside the watched path, in
 * an array, as the root and after the root, fed whole and in chunks of exact size. Random documents
 * alone leave most of these faults unseen.
 */
#include "cleanup.h"
#include "json_scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* {"w": <any, slot 1>, "s": <scalar, slot 2>, "l": [{"w": <slot 3>}]}; the root is slot 0 */
enum { SLOT_ROOT, SLOT_W, SLOT_S, SLOT_L, SLOT_EW, SLOT_FIRST, SLOT_COUNT };
#define LEAF(number, how)                                                                          \
    {                                                                                              \
        .keep = how, .slot = number, .list = SCAN_NONE                                             \
    }
static const struct scan_node node_w = LEAF(SLOT_W, SCAN_KEEP_ANY);
static const struct scan_node node_s = LEAF(SLOT_S, SCAN_KEEP_SCALAR);
static const struct scan_node node_ew = LEAF(SLOT_EW, SCAN_KEEP_SCALAR);
static const struct scan_node node_first = LEAF(SLOT_FIRST, SCAN_KEEP_SCALAR);
static const struct scan_edge element_edges[] = {
    {"w", 1, &node_ew}
};
static const struct scan_node node_element = {
    .edges = element_edges, .edge_count = 1, .slot = SCAN_NONE, .list = SCAN_NONE};
static const struct scan_node node_l = {.slot = SLOT_L,
                                        .list = 0,
                                        .slot_begin = SLOT_EW,
                                        .slot_end = SLOT_EW + 1,
                                        .elem = &node_element};
static const struct scan_node node_f = {
    .slot = SCAN_NONE, .list = SCAN_NONE, .first_only = true, .elem = &node_first};
static const struct scan_edge root_edges[] = {
    {"w", 1, &node_w},
    {"s", 1, &node_s},
    {"l", 1, &node_l},
    {"f", 1, &node_f}
};
static const struct scan_node root = {
    .edges = root_edges, .edge_count = 4, .slot = SLOT_ROOT, .list = SCAN_NONE};

struct outcome {
    enum scan_error error;
    struct scan_slot slots[SLOT_COUNT];
    char w[4096]; /* token of slot W */
    size_t w_len;
    char elements[512]; /* tokens of l[].w, each ended by ; */
};

static struct outcome *current; /* of the scan under way: tests run one at a time */
static struct json_scan *current_scan;

static void keep_token(int slot, char *ret, size_t room)
{
    struct text t = json_scan_raw(current_scan, slot);
    size_t at = strlen(ret);

    assert_true(at + t.len + 2 < room);
    if (t.len)
        memcpy(ret + at, t.p, t.len);
    memcpy(ret + at + t.len, ";", 2);
}

static void begin(void *ctx, int list)
{
    (void)ctx;
    (void)list;
}

static int end_element(void *ctx, int list)
{
    (void)ctx;
    (void)list;
    keep_token(SLOT_EW, current->elements, sizeof(current->elements));
    return 0;
}

static const struct scan_handler handler = {begin, begin, end_element};

static void feed_all(struct json_scan *s, const char *doc, size_t len, size_t chunk)
{
    for (size_t i = 0; i < len;) {
        size_t n = chunk && chunk < len - i ? chunk : len - i;
        char *block = malloc(n);

        memcpy(block, doc + i, n);
        if (json_scan_feed(s, block, n) < 0)
            i = len;
        free(block);
        i += n;
    }
}

static struct outcome scan(const char *doc, size_t len, size_t chunk)
{
    struct outcome o = {0};
    struct json_scan s;
    struct text w;

    json_scan_init(&s, &root, o.slots, 4000);
    json_scan_set_handler(&s, &handler, NULL);
    current = &o;
    current_scan = &s;
    feed_all(&s, doc, len, chunk);
    o.error = json_scan_end(&s) == 0 ? SCAN_OK : s.error;
    assert_int_equal(o.error, s.error);
    w = json_scan_raw(&s, SLOT_W);
    o.w_len = w.len;
    if (w.len)
        memcpy(o.w, w.p, w.len);
    json_scan_finish(&s);
    return o;
}

static const size_t chunk_sizes[] = {0, 1, 2, 3, 5, 16};

/* All chunkings must agree. */
static struct outcome scan_chunked(const char *doc, size_t len)
{
    struct outcome first = scan(doc, len, 0);

    for (size_t i = 1; i < ARRAY_LEN(chunk_sizes); i++) {
        struct outcome o = scan(doc, len, chunk_sizes[i]);

        if (o.error != first.error || (o.error == SCAN_OK && memcmp(&o, &first, sizeof(o)) != 0))
            fail_msg("chunks of %zu differ: %.*s", chunk_sizes[i], (int)len, doc);
    }
    return first;
}

static void expect_doc(const char *doc, size_t len, enum scan_error want)
{
    struct outcome o = scan_chunked(doc, len);

    if (o.error != want)
        fail_msg("%s instead of %s: %.*s", json_scan_error_name(o.error),
                 json_scan_error_name(want), (int)len, doc);
}

static void expect_text(const char *doc, enum scan_error want)
{
    expect_doc(doc, strlen(doc), want);
}

static void wrap(const char *before, struct text value, const char *after, enum scan_error want)
{
    struct buf doc AUTO(buf_finish_p) = BUF_INIT(64 * KIB);

    buf_append_str(&doc, before);
    buf_append(&doc, value.p, value.len);
    buf_append_str(&doc, after);
    assert_false(buf_failed(&doc));
    expect_doc(doc.data, doc.len, want);
}

static void expect_kept(struct text value)
{
    struct buf doc AUTO(buf_finish_p) = BUF_INIT(64 * KIB);
    struct outcome o;

    buf_append_str(&doc, "{\"a\":1,\"w\": ");
    buf_append(&doc, value.p, value.len);
    buf_append_str(&doc, " ,\"z\":[]}");
    o = scan_chunked(doc.data, doc.len);
    assert_int_equal(o.error, SCAN_OK);
    assert_int_equal(o.w_len, value.len);
    assert_memory_equal(o.w, value.p, value.len);
}

/* @p value in every place a value can stand */
static void expect_everywhere(struct text value, bool is_good)
{
    enum scan_error want = is_good ? SCAN_OK : SCAN_MALFORMED;

    wrap("{\"w\":", value, "}", want);
    wrap("{\"w\":1,\"s\":", value, ",\"x\":0}", want);
    wrap("{\"u\":", value, ",\"v\":2}", want);
    wrap("{\"l\":[{\"w\":", value, "},{}]}", want);
    wrap("{\"l\":[", value, "]}", want);
    wrap("[[", value, ",1]]", want);
    wrap("[1,", value, "]", want);
    wrap("", value, "", want);
    wrap(" ", value, "\n", want);
    wrap("{} ", value, "", SCAN_MALFORMED);
    if (is_good)
        expect_kept(value);
}

static void numbers(void **state)
{
    static const char *const good[] = {"0",
                                       "-0",
                                       "1",
                                       "10",
                                       "-7",
                                       "1.5",
                                       "0.0",
                                       "0e0",
                                       "0E+1",
                                       "1e-5",
                                       "12E12",
                                       "1.0e1",
                                       "1e999",
                                       "9223372036854775808",
                                       "-9223372036854775808",
                                       "123456789012345678901234567890"};
    static const char *const bad[] = {
        "00",    "01",  "-01", "-",   "--1",      "+1",        ".5",  "1.",    "1.e1",
        "1e",    "1e+", "1E-", "0x1", "1a",       "-a",        "1-2", "1.2.3", "1e1.5",
        "1e1e1", "0-",  "-.1", "NaN", "Infinity", "-Infinity", "1_0", "1 2"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        expect_everywhere(text_of(good[i]), true);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        expect_everywhere(text_of(bad[i]), false);
}

static void literals_and_junk(void **state)
{
    static const char *const good[] = {"true",
                                       "false",
                                       "null",
                                       "\"\"",
                                       "{}",
                                       "[]",
                                       "{ }",
                                       "[\n]",
                                       "[null,true,[false]]",
                                       "{\"a\":{\"b\":[{}]}}"};
    static const char *const bad[] = {"tru",
                                      "truee",
                                      "True",
                                      "nul",
                                      "nulll",
                                      "fals",
                                      "f",
                                      "{",
                                      "}",
                                      "[",
                                      "]",
                                      "[}",
                                      "{]",
                                      "[1,]",
                                      "[,1]",
                                      "[,]",
                                      "{,}",
                                      "{\"a\"}",
                                      "{\"a\":}",
                                      "{\"a\":1,}",
                                      "{1:2}",
                                      "{a:1}",
                                      "{'a':1}",
                                      "[1 2]",
                                      "[1,,2]",
                                      "{\"a\" 1}",
                                      "{\"a\"::1}",
                                      "{\"a\":1 \"b\":2}",
                                      "[1}",
                                      "{\"a\":1]",
                                      "\"",
                                      "\"a",
                                      "'a'",
                                      "\"a\"b",
                                      "1 ,",
                                      ":",
                                      ",",
                                      "\\",
                                      "/**/1",
                                      "//\n1",
                                      "\xEF\xBB\xBF"
                                      "1",
                                      "\v1",
                                      "\xC2\xA0"
                                      "1",
                                      "\"\\\"",
                                      "[true false]",
                                      "{true:1}",
                                      "{\"a\":1,,\"b\":2}",
                                      "{null:1}",
                                      "[\"a\":1]",
                                      "{\"a\",1}"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        expect_everywhere(text_of(good[i]), true);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        expect_everywhere(text_of(bad[i]), false);
    expect_text("", SCAN_MALFORMED);
    expect_text(" \n", SCAN_MALFORMED);
    expect_text("{\"w\":}", SCAN_MALFORMED);
    expect_everywhere((struct text){"\0", 1}, false);
    expect_everywhere((struct text){"1\0", 2}, false);
    expect_everywhere((struct text){"\"a\0\"", 4}, false);
}

/* The inside of a string, at offsets around the 16-byte step, and as a key. */
static void expect_inside(struct text inside, bool is_good)
{
    static const size_t offsets[] = {0, 3, 13, 15, 16, 17, 31};
    enum scan_error want = is_good ? SCAN_OK : SCAN_MALFORMED;

    for (size_t i = 0; i < ARRAY_LEN(offsets); i++) {
        struct buf value AUTO(buf_finish_p) = BUF_INIT(4 * KIB);

        buf_append_char(&value, '"');
        buf_append(&value, "abcdefghijklmnopqrstuvwxyz012345", offsets[i]);
        buf_append(&value, inside.p, inside.len);
        buf_append_str(&value, i % 2 ? "\"" : "tail\"");
        expect_everywhere((struct text){value.data, value.len}, is_good);
        wrap("{", (struct text){value.data, value.len}, ":1}", want);
        wrap("{\"u\":{", (struct text){value.data, value.len}, ":1}}", want);
    }
}

static void strings_utf8(void **state)
{
    static const char *const good[] = {"\x7F",
                                       "\xC2\x80",
                                       "\xDF\xBF",
                                       "\xE0\xA0\x80",
                                       "\xE1\x80\x80",
                                       "\xEC\xBF\xBF",
                                       "\xED\x80\x80",
                                       "\xED\x9F\xBF",
                                       "\xEE\x80\x80",
                                       "\xEF\xBF\xBF",
                                       "\xEA\xB0\x80",
                                       "\xF0\x90\x80\x80",
                                       "\xF3\xBF\xBF\xBF",
                                       "\xF4\x8F\xBF\xBF",
                                       " ",
                                       "\xED\x95\x9C\xEA\xB8\x80 ok"};
    static const char *const bad[] = {"\x80",
                                      "\xBF",
                                      "\xC0\x80",
                                      "\xC1\xBF",
                                      "\xC2",
                                      "\xC2"
                                      "A",
                                      "\xE0\x80\x80",
                                      "\xE0\x9F\xBF",
                                      "\xE0\xA0",
                                      "\xE1\x80"
                                      "A",
                                      "\xED\xA0\x80",
                                      "\xED\xBF\xBF",
                                      "\xF0\x80\x80\x80",
                                      "\xF0\x8F\xBF\xBF",
                                      "\xF0\x90\x80",
                                      "\xF4\x90\x80\x80",
                                      "\xF5\x80\x80\x80",
                                      "\xFF",
                                      "\xFE",
                                      "\xE2\x28\xA1",
                                      "\xC3\xC3\xA9",
                                      "\x1F",
                                      "\t",
                                      "\n",
                                      "\x01"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        expect_inside(text_of(good[i]), true);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        expect_inside(text_of(bad[i]), false);
}

static void strings_escapes(void **state)
{
    static const char *const good[] = {"\\\"",
                                       "\\\\",
                                       "\\/",
                                       "\\b\\f\\n\\r\\t",
                                       "\\u0000",
                                       "\\u00e9",
                                       "\\uABCD",
                                       "\\uabcd",
                                       "\\uD7FF",
                                       "\\uE000",
                                       "\\uD83D\\uDE00",
                                       "\\ud800\\udc00",
                                       "\\uDBFF\\uDFFF",
                                       "\\\\u12",
                                       "\\\\\\\""};
    static const char *const bad[] = {"\\a",        "\\x41",          "\\u",
                                      "\\u1",       "\\u12",          "\\u123",
                                      "\\u123g",    "\\uD800",        "\\uDBFFx",
                                      "\\uD800\\n", "\\uD800\\u0041", "\\uD800\\uD800",
                                      "\\uDC00",    "\\uDFFF",        "\\uDC00\\uD800",
                                      "\\ ",        "\\U0041",        "\\'",
                                      "\\0",        "\\u-123",        "\\u 123"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        expect_inside(text_of(good[i]), true);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        expect_inside(text_of(bad[i]), false);
    expect_inside((struct text){"\\\0", 2}, false);
}

static void truncation_at_every_byte(void **state)
{
    static const char doc[] =
        "{\"l\":[{\"w\":\"a\\u00e9\xC3\xA9\"},{}],\"w\":{\"k\":[1.5e-3,true,null]},"
        "\"s\":\"\\uD83D\\uDE00\",\"x\":-0.1}";

    (void)state;
    expect_text(doc, SCAN_OK);
    for (size_t len = 0; len < sizeof(doc) - 1; len++)
        expect_doc(doc, len, SCAN_MALFORMED);
}

static void depth_limit(void **state)
{
    char doc[3 * 70];

    (void)state;
    for (size_t depth = 63; depth <= 66; depth++) {
        memset(doc, '[', depth);
        memset(doc + depth, ']', depth);
        expect_doc(doc, 2 * depth, depth <= SCAN_DEPTH_MAX ? SCAN_OK : SCAN_TOO_DEEP);
    }
    /* the same inside a captured value: one level is the root's */
    for (size_t depth = 63; depth <= 64; depth++) {
        struct buf b AUTO(buf_finish_p) = BUF_INIT(KIB);

        memset(doc, '[', depth);
        memset(doc + depth, ']', depth);
        buf_append_str(&b, "{\"w\":");
        buf_append(&b, doc, 2 * depth);
        buf_append_char(&b, '}');
        expect_doc(b.data, b.len, depth == 63 ? SCAN_OK : SCAN_TOO_DEEP);
    }
}

static void duplicate_keys(void **state)
{
    (void)state;
    expect_text("{\"w\":1,\"w\":1}", SCAN_DUPLICATE_KEY);
    expect_text("{\"w\":1,\"x\":{},\"\\u0077\":2}", SCAN_DUPLICATE_KEY);
    expect_text("{\"l\":[{\"w\":1,\"w\":2}]}", SCAN_DUPLICATE_KEY);
    expect_text("{\"l\":[],\"l\":[]}", SCAN_DUPLICATE_KEY);
    expect_text("{\"l\":[{\"w\":1},{\"w\":2}]}", SCAN_OK);
    expect_text("{\"u\":1,\"u\":2}", SCAN_OK);
    expect_text("{\"w\":{\"w\":1,\"w\":2}}", SCAN_OK);
    expect_text("{\"u\":{\"w\":1,\"w\":2}}", SCAN_OK);
}

static void keys_match_in_every_spelling(void **state)
{
    static const char *const docs[] = {"{\"w\":7}", "{\"\\u0077\":7}", "{\"W\":1,\"\\u0077\":7}",
                                       "{\"ww\":1,\"\":2,\"w\":7}",
                                       "{\"\\uD83D\\uDE00\":1,\"w\":7}"};
    static const char *const not_watched[] = {"{\"W\":7}",         "{\"w \":7}",
                                              "{\"\\u0057\":7}",   "{\"w\\u0000\":7}",
                                              "{\"u\":{\"w\":7}}", "[{\"w\":7}]"};
    struct buf doc AUTO(buf_finish_p) = BUF_INIT(8 * KIB);
    struct outcome o;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(docs); i++) {
        o = scan_chunked(docs[i], strlen(docs[i]));
        assert_int_equal(o.error, SCAN_OK);
        assert_string_equal(o.w, "7");
    }
    for (size_t i = 0; i < ARRAY_LEN(not_watched); i++) {
        o = scan_chunked(not_watched[i], strlen(not_watched[i]));
        assert_int_equal(o.error, SCAN_OK);
        assert_int_equal(o.slots[SLOT_W].type, SCAN_ABSENT);
    }
    /* far over the key buffer: never a match, never an error */
    buf_append_str(&doc, "{\"w");
    for (int i = 0; i < 1000; i++)
        buf_append_str(&doc, "\\u0077");
    buf_append_str(&doc, "\":1,\"w\":7}");
    o = scan_chunked(doc.data, doc.len);
    assert_int_equal(o.error, SCAN_OK);
    assert_string_equal(o.w, "7");
}

static void longest_key_in_longest_spelling(void **state)
{
    static const char key[] = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuv";
    static const struct scan_edge edge = {key, SCAN_KEY_MAX, &node_w};
    static const struct scan_node top = {
        .edges = &edge, .edge_count = 1, .slot = SLOT_ROOT, .list = SCAN_NONE};
    struct buf doc AUTO(buf_finish_p) = BUF_INIT(8 * KIB);

    (void)state;
    assert_int_equal(strlen(key), SCAN_KEY_MAX);
    buf_append_str(&doc, "{\"");
    for (size_t i = 0; i < SCAN_KEY_MAX; i++)
        buf_printf(&doc, "\\u%04x", (unsigned)key[i]);
    buf_append_str(&doc, "\":7}");
    for (size_t i = 0; i < ARRAY_LEN(chunk_sizes); i++) {
        struct scan_slot slots[SLOT_COUNT] = {0};
        struct json_scan s;

        json_scan_init(&s, &top, slots, 100);
        feed_all(&s, doc.data, doc.len, chunk_sizes[i]);
        assert_int_equal(json_scan_end(&s), 0);
        assert_int_equal(slots[SLOT_W].type, SCAN_NUMBER);
        json_scan_finish(&s);
    }
}

static void slots_tell_type_and_emptiness(void **state)
{
    static const struct {
        const char *value;
        enum scan_type type;
        bool escaped, empty;
    } cases[] = {
        {"null",        SCAN_NULL,   false, false},
        {"true",        SCAN_TRUE,   false, false},
        {"false",       SCAN_FALSE,  false, false},
        {"-1.5",        SCAN_NUMBER, false, false},
        {"\"\"",        SCAN_STRING, false, true },
        {"\"a\"",       SCAN_STRING, false, false},
        {"\"\\n\"",     SCAN_STRING, true,  false},
        {"{}",          SCAN_OBJECT, false, true },
        {"{ }",         SCAN_OBJECT, false, true },
        {"{\"\\n\":1}", SCAN_OBJECT, false, false},
        {"[]",          SCAN_ARRAY,  false, true },
        {"[[]]",        SCAN_ARRAY,  false, false}
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char doc[64];
        struct outcome o;

        snprintf(doc, sizeof(doc), "{\"k\\n\":\"\\n\",\"w\":%s}", cases[i].value);
        o = scan_chunked(doc, strlen(doc));
        assert_int_equal(o.slots[SLOT_W].type, cases[i].type);
        assert_int_equal(o.slots[SLOT_W].escaped, cases[i].escaped);
        assert_int_equal(o.slots[SLOT_W].empty, cases[i].empty);
        assert_string_equal(o.w, cases[i].value);
    }
}

static void elements_are_reset_and_dropped(void **state)
{
    static const char doc[] =
        "{\"s\":\"kept\",\"l\":[{\"w\":1},{},{\"w\":\"x\"},7,{\"w\":{}}],\"f\":[\"one\",\"two\"]}";
    struct outcome o = scan_chunked(doc, sizeof(doc) - 1);

    (void)state;
    assert_int_equal(o.error, SCAN_OK);
    assert_string_equal(o.elements, "1;;\"x\";;;");
    assert_int_equal(o.slots[SLOT_FIRST].len, 5); /* "one": the first element only */
    o = scan_chunked("{\"f\":[],\"l\":null}", 17);
    assert_int_equal(o.slots[SLOT_FIRST].type, SCAN_ABSENT);
    assert_int_equal(o.slots[SLOT_L].type, SCAN_NULL);
}

static void captured_bytes_are_bounded(void **state)
{
    struct buf doc AUTO(buf_finish_p) = BUF_INIT(64 * KIB);

    (void)state;
    for (size_t over = 0; over < 2; over++) {
        buf_reset(&doc);
        buf_append_str(&doc, "{\"w\":\"");
        for (size_t i = 0; i < 4000 - 2 + over; i++)
            buf_append_char(&doc, 'x');
        buf_append_str(&doc, "\"}");
        expect_doc(doc.data, doc.len, over ? SCAN_TOO_LARGE : SCAN_OK);
    }
    /* what is not watched may have any size */
    buf_reset(&doc);
    buf_append_str(&doc, "{\"u\":\"");
    for (size_t i = 0; i < 50000; i++)
        buf_append_char(&doc, 'x');
    buf_append_str(&doc, "\"}");
    expect_doc(doc.data, doc.len, SCAN_OK);
}

static void an_error_is_final(void **state)
{
    struct scan_slot slots[SLOT_COUNT] = {0};
    struct json_scan s;

    (void)state;
    json_scan_init(&s, &root, slots, 100);
    assert_int_equal(json_scan_feed(&s, "{\"a\":]", 6), -1);
    assert_int_equal(s.consumed, 5);
    assert_int_equal(json_scan_feed(&s, "{}", 2), -1);
    assert_int_equal(json_scan_end(&s), -1);
    assert_int_equal(s.error, SCAN_MALFORMED);
    json_scan_finish(&s);
}

static void tokens_decode(void **state)
{
    static const struct {
        const char *token, *plain;
        size_t len;
    } cases[] = {
        {"\"\"",                           "",                      0},
        {"\"ab\"",                         "ab",                    2},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t",       8},
        {"\"\\u0041\\u00e9\\u20AC\"",      "A\xC3\xA9\xE2\x82\xAC", 6},
        {"\"\\uD83D\\uDE00!\"",            "\xF0\x9F\x98\x80!",     5},
        {"\"\\uDBFF\\uDFFF\"",             "\xF4\x8F\xBF\xBF",      4},
        {"\"a\\u0000b\"",                  "a\0b",                  3},
        {"\"\\u07ff\\u0800\"",             "\xDF\xBF\xE0\xA0\x80",  5}
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf b AUTO(buf_finish_p) = BUF_INIT(100);

        assert_int_equal(json_token_decode(text_of(cases[i].token), &b), 0);
        assert_int_equal(b.len, cases[i].len);
        assert_memory_equal(b.data, cases[i].plain, cases[i].len);
    }
}

static void tokens_walk(void **state)
{
    static const struct {
        const char *token, *walked;
    } cases[] = {
        {"{}",                                                         ""                                  },
        {"[ ]",                                                        ""                                  },
        {"{\"a\":1}",                                                  "\"a\"=1;"                          },
        {" { \"a\" : \"x,}\\\"\" , \"b\":{\"c\":[1,{}]},\"\":null } ",
         "\"a\"=\"x,}\\\"\";\"b\"={\"c\":[1,{}]};\"\"=null;"                                               },
        {"[1, \"a\" ,[2,3],{\"k\":1},true]",                           "=1;=\"a\";=[2,3];={\"k\":1};=true;"},
        {"[[1],[2]]",                                                  "=[1];=[2];"                        }
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf b AUTO(buf_finish_p) = BUF_INIT(1000);
        struct text rest = text_of(cases[i].token), key, value;

        while (json_token_next(&rest, &key, &value)) {
            buf_append(&b, key.p, key.len);
            buf_append_char(&b, '=');
            buf_append(&b, value.p, value.len);
            buf_append_char(&b, ';');
        }
        assert_string_equal(b.data ? b.data : "", cases[i].walked);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(literals_and_junk),
        cmocka_unit_test(strings_utf8),
        cmocka_unit_test(strings_escapes),
        cmocka_unit_test(truncation_at_every_byte),
        cmocka_unit_test(depth_limit),
        cmocka_unit_test(duplicate_keys),
        cmocka_unit_test(keys_match_in_every_spelling),
        cmocka_unit_test(longest_key_in_longest_spelling),
        cmocka_unit_test(slots_tell_type_and_emptiness),
        cmocka_unit_test(elements_are_reset_and_dropped),
        cmocka_unit_test(captured_bytes_are_bounded),
        cmocka_unit_test(an_error_is_final),
        cmocka_unit_test(tokens_decode),
        cmocka_unit_test(tokens_walk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
