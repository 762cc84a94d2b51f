/* SPDX-License-Identifier: Apache-2.0 */
#include "token_cache.h"

#include "cleanup.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SHARDS ((size_t)16)
#define WAYS ((size_t)4) /* places a token may stand in: a bounded search, no chains */

struct slot {
    unsigned char digest[TOKEN_DIGEST_BYTES];
    struct cached_token t; /* its strings point into .strings */
    char *strings;         /* one allocation; NULL: the slot is free */
};

struct shard {
    pthread_mutex_t lock;
    struct slot *slots;
};

struct token_cache {
    struct shard shards[SHARDS];
    size_t sets; /* of WAYS slots, in each shard */
};

static struct shard *shard_of(struct token_cache *c, const unsigned char *digest)
{
    return &c->shards[digest[0] % SHARDS];
}

static struct slot *set_of(const struct token_cache *c, const struct shard *s,
                           const unsigned char *digest)
{
    uint64_t h;

    memcpy(&h, digest + 1, sizeof h);
    return s->slots + h % c->sets * WAYS;
}

static struct slot *find(struct slot *set, const unsigned char *digest)
{
    for (size_t i = 0; i < WAYS; i++)
        if (set[i].strings && memcmp(set[i].digest, digest, TOKEN_DIGEST_BYTES) == 0)
            return &set[i];
    return NULL;
}

struct token_cache *token_cache_create(int entries)
{
    struct token_cache *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    for (size_t i = 0; i < SHARDS; i++)
        pthread_mutex_init(&c->shards[i].lock, NULL);
    if (entries > 0)
        c->sets = ((size_t)entries + SHARDS * WAYS - 1) / (SHARDS * WAYS);
    for (size_t i = 0; i < SHARDS && c->sets; i++) {
        c->shards[i].slots = calloc(c->sets * WAYS, sizeof(struct slot));
        if (!c->shards[i].slots) {
            token_cache_destroy(c);
            return NULL;
        }
    }
    return c;
}

void token_cache_destroy(struct token_cache *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *s = &c->shards[i];

        for (size_t k = 0; s->slots && k < c->sets * WAYS; k++)
            free(s->slots[k].strings);
        free(s->slots);
        pthread_mutex_destroy(&s->lock);
    }
    free(c);
}

/* @return true when the strings could be copied */
static bool copy_out(const struct cached_token *t, struct arena *a, struct cached_token *ret)
{
    *ret = *t;
    ret->auth_id = arena_strdup(a, t->auth_id);
    ret->user_id = arena_strdup(a, t->user_id);
    ret->issuer = arena_strdup(a, t->issuer);
    return ret->auth_id && ret->user_id && ret->issuer;
}

bool token_cache_get(struct token_cache *c, const unsigned char digest[TOKEN_DIGEST_BYTES],
                     struct arena *a, struct cached_token *ret)
{
    struct shard *s = shard_of(c, digest);
    struct slot *slot;
    bool is_found;

    if (!c->sets)
        return false;
    pthread_mutex_lock(&s->lock);
    slot = find(set_of(c, s, digest), digest);
    is_found = slot && copy_out(&slot->t, a, ret);
    pthread_mutex_unlock(&s->lock);
    return is_found;
}

/* a free slot, the token's own, or the one that expires first */
static struct slot *victim(struct slot *set, const unsigned char *digest)
{
    struct slot *best = find(set, digest);

    if (best)
        return best;
    best = &set[0];
    for (size_t i = 0; i < WAYS && best->strings; i++)
        if (!set[i].strings || set[i].t.expires_s < best->t.expires_s)
            best = &set[i];
    return best;
}

static char *copy_strings(const struct cached_token *t, struct cached_token *ret)
{
    size_t auth = strlen(t->auth_id) + 1, user = strlen(t->user_id) + 1,
           issuer = strlen(t->issuer) + 1;
    char *p = malloc(auth + user + issuer);

    if (!p)
        return NULL;
    *ret = *t;
    ret->auth_id = memcpy(p, t->auth_id, auth);
    ret->user_id = memcpy(p + auth, t->user_id, user);
    ret->issuer = memcpy(p + auth + user, t->issuer, issuer);
    return p;
}

void token_cache_put(struct token_cache *c, const unsigned char digest[TOKEN_DIGEST_BYTES],
                     const struct cached_token *t)
{
    struct shard *s = shard_of(c, digest);
    struct cached_token copy;
    struct slot *slot;
    char *strings = c->sets ? copy_strings(t, &copy) : NULL;
    char *old;

    if (!strings)
        return;
    pthread_mutex_lock(&s->lock);
    slot = victim(set_of(c, s, digest), digest);
    old = slot->strings;
    memcpy(slot->digest, digest, TOKEN_DIGEST_BYTES);
    slot->t = copy;
    slot->strings = strings;
    pthread_mutex_unlock(&s->lock);
    free(old);
}

void token_cache_drop(struct token_cache *c, const unsigned char digest[TOKEN_DIGEST_BYTES])
{
    struct shard *s = shard_of(c, digest);
    struct slot *slot;
    char *old = NULL;

    if (!c->sets)
        return;
    pthread_mutex_lock(&s->lock);
    slot = find(set_of(c, s, digest), digest);
    if (slot) {
        old = slot->strings;
        slot->strings = NULL;
    }
    pthread_mutex_unlock(&s->lock);
    free(old);
}
