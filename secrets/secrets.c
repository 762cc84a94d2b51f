/* SPDX-License-Identifier: Apache-2.0 */
#include "secrets.h"

#include "cleanup.h"
#include "codec.h"
#include "keyring.h"
#include "seal.h"
#include "secret_store.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#define PATH_MAX_BYTES 255
#define ROW_ARENA_BYTES (512 * KIB)
#define KEY_ID_RANDOM_BYTES ((size_t)4)

struct secrets {
    struct db_pool *pool; /* borrowed */
    struct keyring ring;
};

struct secrets *secrets_create(struct db_pool *pool, const char *key_file, struct app_error *err)
{
    struct secrets *s = calloc(1, sizeof *s);

    if (!s) {
        app_fail(err, APP_INTERNAL, "out of memory");
        return NULL;
    }
    s->pool = pool;
    if (keyring_load(&s->ring, key_file, err) < 0)
        free(STEAL(s));
    return s;
}

void secrets_destroy(struct secrets *s)
{
    if (!s)
        return;
    keyring_wipe(&s->ring);
    free(s);
}

/* Printable ASCII without blanks: what list's upper bound and the logs rely on. */
static int check_path(const char *path, size_t min_len, struct app_error *err)
{
    size_t len = strlen(path);

    if (len < min_len || len > PATH_MAX_BYTES)
        return app_fail(err, APP_INTERNAL, "a secret's path has 1 to %d bytes", PATH_MAX_BYTES);
    for (size_t i = 0; i < len; i++)
        if (path[i] <= ' ' || path[i] > '~')
            return app_fail(err, APP_INTERNAL, "a secret's path is printable ASCII");
    return 0;
}

/* @return the value (in @p a, followed by a NUL) or -1; the message never holds a byte of it */
static int open_row(struct secrets *s, struct arena *a, const struct secret_row *row,
                    struct text *ret, struct app_error *err)
{
    const struct seal_key *key = keyring_find(&s->ring, row->key_id);
    unsigned char *value;

    if (!key)
        return app_fail(err, APP_INTERNAL, "secret %s is sealed with key %s, which is not there",
                        row->path.p, row->key_id);
    if (row->ciphertext.len < SEAL_TAG_BYTES)
        return app_fail(err, APP_INTERNAL, "secret %s does not open", row->path.p);
    value = arena_alloc(a, row->ciphertext.len - SEAL_TAG_BYTES + 1);
    if (!value)
        return app_fail(err, APP_INTERNAL, "out of memory");
    if (seal_open(key, row->path, row->nonce, row->ciphertext, value) < 0)
        return app_fail(err, APP_INTERNAL, "secret %s does not open", row->path.p);
    *ret = (struct text){(const char *)value, row->ciphertext.len - SEAL_TAG_BYTES};
    return 0;
}

/* The path asked for is the path authenticated, not the one the row says. */
static int read_row(struct secrets *s, struct arena *a, const char *path, struct secret_row *ret,
                    struct app_error *err)
{
    if (secret_store_get(s->pool, a, text_of(path), ret, err) < 0)
        return -1;
    ret->path = text_of(path);
    return 0;
}

int secrets_get(struct secrets *s, struct arena *a, const char *path, struct text *ret,
                struct app_error *err)
{
    struct secret_row row = {0};

    if (check_path(path, 1, err) < 0 || read_row(s, a, path, &row, err) < 0)
        return -1;
    return open_row(s, a, &row, ret, err);
}

/* A row sealed with the first key, its bytes in @p a. */
static int seal_row(struct secrets *s, struct arena *a, struct text path, struct text value,
                    struct secret_row *ret, struct app_error *err)
{
    const struct seal_key *key = &s->ring.keys[0];
    unsigned char *nonce, *sealed;

    if (value.len > SECRET_MAX_BYTES)
        return app_fail(err, APP_INTERNAL, "a secret has at most %d bytes", SECRET_MAX_BYTES);
    nonce = arena_alloc(a, SEAL_NONCE_BYTES);
    sealed = arena_alloc(a, value.len + SEAL_TAG_BYTES);
    if (!nonce || !sealed)
        return app_fail(err, APP_INTERNAL, "out of memory");
    if (seal(key, path, value, nonce, sealed, err) < 0)
        return -1;
    *ret = (struct secret_row){
        .path = path,
        .key_id = key->id,
        .nonce = {(const char *)nonce,  SEAL_NONCE_BYTES          },
        .ciphertext = {(const char *)sealed, value.len + SEAL_TAG_BYTES}
    };
    return 0;
}

int secrets_put(struct secrets *s, const char *path, struct text value, struct app_error *err)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(ROW_ARENA_BYTES);
    struct secret_row row;

    if (!a)
        return app_fail(err, APP_INTERNAL, "out of memory");
    if (check_path(path, 1, err) < 0 || seal_row(s, a, text_of(path), value, &row, err) < 0)
        return -1;
    return secret_store_put(s->pool, &row, err);
}

int secrets_delete(struct secrets *s, const char *path, struct app_error *err)
{
    if (check_path(path, 1, err) < 0)
        return -1;
    return secret_store_delete(s->pool, text_of(path), err);
}

int secrets_list(struct secrets *s, struct arena *a, const char *prefix, const char *const **ret,
                 size_t *ret_count, struct app_error *err)
{
    struct secret_path_list found;
    const char **names;
    size_t prefix_len = strlen(prefix), count = 0;

    if (check_path(prefix, 0, err) < 0 ||
        secret_store_list(s->pool, a, text_of(prefix), &found, err) < 0)
        return -1;
    names = arena_array(a, found.count, sizeof *names);
    if (!names)
        return app_fail(err, APP_INTERNAL, "out of memory");
    for (size_t i = 0; i < found.count; i++) {
        const char *rest = found.paths[i].p + prefix_len;

        if (*rest && !strchr(rest, '/')) /* deeper paths have another parent */
            names[count++] = rest;
    }
    *ret = names;
    *ret_count = count;
    return 0;
}

/* ---- rotation ---- */

static int reseal(struct secrets *s, struct arena *a, const char *path, bool *ret_changed,
                  struct app_error *err)
{
    struct secret_row old = {0}, fresh;
    struct text value = {NULL, 0};
    int rc;

    if (read_row(s, a, path, &old, err) < 0 || open_row(s, a, &old, &value, err) < 0)
        return -1;
    rc = seal_row(s, a, old.path, value, &fresh, err);
    OPENSSL_cleanse((void *)value.p, value.len);
    if (rc < 0)
        return -1;
    return secret_store_replace(s->pool, old.nonce, &fresh, ret_changed, err);
}

/* A row that went away or was written anew in the meantime needs no more. */
static int rotate_one(struct secrets *s, const char *path, size_t *changed, struct app_error *err)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(ROW_ARENA_BYTES);
    struct app_error why = {0};
    bool is_changed = false;

    if (!a)
        return app_fail(err, APP_INTERNAL, "out of memory");
    if (reseal(s, a, path, &is_changed, &why) < 0 && why.code != APP_NOT_FOUND) {
        if (err)
            *err = why;
        return -1;
    }
    *changed += is_changed;
    return 0;
}

/* One page of rows after @p last, which becomes the last path seen. @return 1: more, 0: done, -1 */
static int rotate_page(struct secrets *s, char last[PATH_MAX_BYTES + 1], size_t *changed,
                       struct app_error *err)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(ROW_ARENA_BYTES);
    struct secret_path_list page;

    if (!a)
        return app_fail(err, APP_INTERNAL, "out of memory");
    if (secret_store_list_not_under_key(s->pool, a, s->ring.keys[0].id, text_of(last), &page, err) <
        0)
        return -1;
    for (size_t i = 0; i < page.count; i++) {
        if (rotate_one(s, page.paths[i].p, changed, err) < 0)
            return -1;
        snprintf(last, PATH_MAX_BYTES + 1, "%s", page.paths[i].p);
    }
    return page.count > 0;
}

int secrets_rotate(struct secrets *s, size_t *ret_changed, struct app_error *err)
{
    char last[PATH_MAX_BYTES + 1] = "";
    size_t changed = 0;
    int more = 1;

    while (more == 1)
        more = rotate_page(s, last, &changed, err);
    if (more < 0)
        return -1;
    *ret_changed = changed;
    return 0;
}

int secrets_generate_key_line(char ret[SECRETS_KEY_LINE_BYTES], struct app_error *err)
{
    unsigned char random[KEY_ID_RANDOM_BYTES + SEAL_KEY_BYTES];

    if (RAND_bytes(random, sizeof random) != 1)
        return app_fail(err, APP_INTERNAL, "no random bytes");
    ret[0] = 'k';
    hex_encode(random, KEY_ID_RANDOM_BYTES, ret + 1);
    ret[1 + 2 * KEY_ID_RANDOM_BYTES] = ':';
    hex_encode(random + KEY_ID_RANDOM_BYTES, SEAL_KEY_BYTES, ret + 2 + 2 * KEY_ID_RANDOM_BYTES);
    memcpy(ret + SECRETS_KEY_LINE_BYTES - 2, "\n", 2);
    OPENSSL_cleanse(random, sizeof random);
    return 0;
}
