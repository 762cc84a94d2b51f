/* SPDX-License-Identifier: Apache-2.0 */
/* The file: one YAML document of nested maps; no aliases, anchors, tags, duplicates, unknown keys.
 */
#include "cleanup.h"
#include "config_priv.h"

#include <stdio.h>
#include <string.h>
#include <yaml.h>

#define DEPTH_MAX 4
#define KEY_MAX_BYTES 128
#define ITEMS_MAX 64

struct reader {
    struct config *config;
    const char *name;
    yaml_parser_t parser;
    struct app_error *err;
    bool has_version;
    char *text; /* owned: the last scalar, until the next event is read */
};

/* What matters of libyaml's event. */
struct token {
    yaml_event_type_t type;
    unsigned line;
};

static int refuse(struct reader *r, unsigned line, const char *what, const char *why)
{
    return app_fail_text(r->err, APP_BAD_REQUEST, "%s:%u: %s %s", r->name, line, what, why);
}

static const char *unwanted(const yaml_event_t *e)
{
    switch (e->type) {
    case YAML_ALIAS_EVENT:
        return "aliases are not allowed";
    case YAML_SCALAR_EVENT:
        if (e->data.scalar.anchor || e->data.scalar.tag)
            return "anchors and tags are not allowed";
        return memchr(e->data.scalar.value, 0, e->data.scalar.length) ? "a value holds a NUL"
                                                                      : NULL;
    case YAML_MAPPING_START_EVENT:
        return e->data.mapping_start.anchor || e->data.mapping_start.tag
                   ? "anchors and tags are not allowed"
                   : NULL;
    case YAML_SEQUENCE_START_EVENT:
        return e->data.sequence_start.anchor || e->data.sequence_start.tag
                   ? "anchors and tags are not allowed"
                   : NULL;
    default:
        return NULL;
    }
}

/* Read one event. @return 0, or -1 with the error set. */
static int next(struct reader *r, struct token *ret)
{
    yaml_event_t e;
    const char *why;

    free(r->text);
    r->text = NULL;
    *ret = (struct token){0};
    if (!yaml_parser_parse(&r->parser, &e))
        return refuse(r, (unsigned)r->parser.problem_mark.line + 1,
                      "not YAML:", r->parser.problem ? r->parser.problem : "cannot be read");
    ret->type = e.type;
    ret->line = (unsigned)e.start_mark.line + 1;
    why = unwanted(&e);
    if (!why && e.type == YAML_SCALAR_EVENT) {
        r->text = strndup((const char *)e.data.scalar.value, e.data.scalar.length);
        why = r->text ? NULL : "out of memory";
    }
    yaml_event_delete(&e);
    return why ? refuse(r, ret->line, "", why) : 0;
}

/* Marks the key as set by this file. @return CFG_COUNT with the error set. */
static enum config_key claim(struct reader *r, const char *key, unsigned line)
{
    enum config_key k = config_find(key);

    if (k == CFG_COUNT) {
        refuse(r, line, key, "is not a key of this version");
        return k;
    }
    if (r->config->v[k].line) {
        refuse(r, line, key, "is set twice");
        return CFG_COUNT;
    }
    r->config->v[k].line = line;
    return k;
}

static void where_of(const struct reader *r, unsigned line, char *ret, size_t bytes)
{
    snprintf(ret, bytes, "%s:%u", r->name, line);
}

static int read_scalar(struct reader *r, const char *key, unsigned line)
{
    char where[512];
    enum config_key k;

    if (strcmp(key, "version") == 0) {
        if (r->has_version)
            return refuse(r, line, key, "is set twice");
        r->has_version = true;
        return strcmp(r->text, "1") == 0 ? 0 : refuse(r, line, key, "must be 1");
    }
    k = claim(r, key, line);
    if (k == CFG_COUNT)
        return -1;
    where_of(r, line, where, sizeof where);
    if (config_row(k)->type == CONFIG_LIST) {
        char *one[] = {r->text};

        return config_set_list(r->config, k, one, r->text[0] ? 1 : 0, where, r->err);
    }
    return config_set(r->config, k, r->text, where, r->err);
}

static int read_items(struct reader *r, char **items, size_t *ret_count)
{
    struct token t;

    for (;;) {
        if (next(r, &t) < 0)
            return -1;
        if (t.type == YAML_SEQUENCE_END_EVENT)
            return 0;
        if (t.type != YAML_SCALAR_EVENT)
            return refuse(r, t.line, "a list", "may only have plain values");
        if (*ret_count == ITEMS_MAX)
            return refuse(r, t.line, "a list", "has too many elements");
        items[(*ret_count)++] = STEAL(r->text);
    }
}

static int read_sequence(struct reader *r, const char *key, unsigned line)
{
    char where[512], *items[ITEMS_MAX];
    size_t count = 0;
    enum config_key k = claim(r, key, line);
    int rc;

    if (k == CFG_COUNT)
        return -1;
    where_of(r, line, where, sizeof where);
    rc = read_items(r, items, &count);
    if (rc == 0)
        rc = config_set_list(r->config, k, items, count, where, r->err);
    while (count > 0)
        free(items[--count]);
    return rc;
}

static int read_mapping(struct reader *r, const char *prefix, int depth);

static int read_value(struct reader *r, const char *key, int depth)
{
    struct token t;

    if (next(r, &t) < 0)
        return -1;
    switch (t.type) {
    case YAML_SCALAR_EVENT:
        return read_scalar(r, key, t.line);
    case YAML_SEQUENCE_START_EVENT:
        return read_sequence(r, key, t.line);
    case YAML_MAPPING_START_EVENT:
        if (depth + 1 >= DEPTH_MAX)
            return refuse(r, t.line, key, "is not a key of this version");
        return read_mapping(r, key, depth + 1);
    default:
        return refuse(r, t.line, key, "has no value");
    }
}

/* The inside of a map; @p prefix is "" or the keys above, joined with dots. */
static int read_mapping(struct reader *r, const char *prefix, int depth)
{
    char key[KEY_MAX_BYTES];

    for (;;) {
        struct token t;

        if (next(r, &t) < 0)
            return -1;
        if (t.type == YAML_MAPPING_END_EVENT)
            return 0;
        if (t.type != YAML_SCALAR_EVENT)
            return refuse(r, t.line, "a key", "must be a plain value");
        if (snprintf(key, sizeof key, "%s%s%s", prefix, *prefix ? "." : "", r->text) >=
            (int)sizeof key)
            return refuse(r, t.line, "a key", "is too long");
        if (read_value(r, key, depth) < 0)
            return -1;
    }
}

static int expect(struct reader *r, yaml_event_type_t type, const char *why)
{
    struct token t;

    if (next(r, &t) < 0)
        return -1;
    return t.type == type ? 0 : refuse(r, t.line, "the file", why);
}

static int read_stream(struct reader *r)
{
    if (expect(r, YAML_STREAM_START_EVENT, "is not YAML") < 0 ||
        expect(r, YAML_DOCUMENT_START_EVENT, "is empty: \"version: 1\" is missing") < 0 ||
        expect(r, YAML_MAPPING_START_EVENT, "must be a map of keys") < 0 ||
        read_mapping(r, "", 0) < 0 || expect(r, YAML_DOCUMENT_END_EVENT, "is not YAML") < 0 ||
        expect(r, YAML_STREAM_END_EVENT, "must hold one document") < 0)
        return -1;
    return r->has_version ? 0 : refuse(r, 1, "\"version: 1\"", "is missing");
}

int config_read_yaml(struct config *c, const char *name, struct text yaml, struct app_error *err)
{
    struct reader r = {.config = c, .name = name, .err = err};
    int rc;

    if (!yaml_parser_initialize(&r.parser))
        return app_fail_text(err, APP_INTERNAL, "out of memory");
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)yaml.p, yaml.len);
    rc = read_stream(&r);
    free(r.text);
    yaml_parser_delete(&r.parser);
    return rc;
}
