/* SPDX-License-Identifier: Apache-2.0 */
#include "throttle.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#define WAYS ((size_t)8)
#define KEY_BYTES 32

struct entry {
    unsigned char key[KEY_BYTES];
    int failures; /* 0: free */
    int64_t last_s;
};

struct throttle {
    pthread_mutex_t lock;
    unsigned char salt[16]; /* nobody can choose whose entries fall together */
    struct entry entries[THROTTLE_ENTRIES];
};

struct throttle *throttle_create(void)
{
    struct throttle *t = calloc(1, sizeof *t);

    if (!t)
        return NULL;
    if (RAND_bytes(t->salt, sizeof t->salt) != 1) {
        free(t);
        return NULL;
    }
    pthread_mutex_init(&t->lock, NULL);
    return t;
}

void throttle_destroy(struct throttle *t)
{
    if (!t)
        return;
    pthread_mutex_destroy(&t->lock);
    free(t);
}

static void key_of(const struct throttle *t, const char *user, const char *peer,
                   unsigned char ret[KEY_BYTES])
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    bool ok = c && EVP_DigestInit_ex(c, EVP_sha256(), NULL) == 1 &&
              EVP_DigestUpdate(c, t->salt, sizeof t->salt) == 1 &&
              EVP_DigestUpdate(c, user, strlen(user) + 1) == 1 &&
              EVP_DigestUpdate(c, peer, strlen(peer) + 1) == 1 &&
              EVP_DigestFinal_ex(c, ret, NULL) == 1;

    EVP_MD_CTX_free(c);
    if (!ok) /* everybody shares one entry then: too strict rather than open */
        memset(ret, 0, KEY_BYTES);
}

static struct entry *set_of(struct throttle *t, const unsigned char key[KEY_BYTES])
{
    uint32_t h;

    memcpy(&h, key, sizeof h);
    return &t->entries[h % (THROTTLE_ENTRIES / WAYS) * WAYS];
}

static struct entry *find(struct throttle *t, const unsigned char key[KEY_BYTES])
{
    struct entry *set = set_of(t, key);

    for (size_t i = 0; i < WAYS; i++)
        if (set[i].failures && memcmp(set[i].key, key, KEY_BYTES) == 0)
            return &set[i];
    return NULL;
}

/* a free place, or the one whose last failure is oldest */
static struct entry *place_for(struct throttle *t, const unsigned char key[KEY_BYTES])
{
    struct entry *set = set_of(t, key), *best = find(t, key);

    if (best)
        return best;
    best = &set[0];
    for (size_t i = 1; i < WAYS && best->failures; i++)
        if (!set[i].failures || set[i].last_s < best->last_s)
            best = &set[i];
    memset(best, 0, sizeof *best);
    memcpy(best->key, key, KEY_BYTES);
    return best;
}

static int64_t wait_of(const struct entry *e)
{
    int over = e->failures - THROTTLE_FREE_FAILURES;
    int64_t wait = over < 0 ? 0 : INT64_C(1) << (over < 16 ? over : 16);

    return wait < THROTTLE_MAX_WAIT_S ? wait : THROTTLE_MAX_WAIT_S;
}

/* @return the entry of the pair, or NULL; the lock is held until leave() */
static struct entry *enter(struct throttle *t, const char *user, const char *peer,
                           unsigned char ret_key[KEY_BYTES])
{
    key_of(t, user, peer, ret_key);
    pthread_mutex_lock(&t->lock);
    return find(t, ret_key);
}

static void leave(struct throttle *t)
{
    pthread_mutex_unlock(&t->lock);
}

static void count(struct entry *e, int64_t now_s)
{
    if (now_s - e->last_s > THROTTLE_FORGET_S)
        e->failures = 0;
    e->failures++;
    e->last_s = now_s;
}

int throttle_begin(struct throttle *t, const char *user, const char *peer, int64_t now_s)
{
    unsigned char key[KEY_BYTES];
    struct entry *e = enter(t, user, peer, key);
    int64_t left = e ? e->last_s + wait_of(e) - now_s : 0;

    if (left <= 0)
        count(e ? e : place_for(t, key), now_s);
    leave(t);
    return left > 0 ? (int)left : 0;
}

void throttle_take_back(struct throttle *t, const char *user, const char *peer)
{
    unsigned char key[KEY_BYTES];
    struct entry *e = enter(t, user, peer, key);

    if (e)
        e->failures--;
    leave(t);
}

void throttle_clear(struct throttle *t, const char *user, const char *peer)
{
    unsigned char key[KEY_BYTES];
    struct entry *e = enter(t, user, peer, key);

    if (e)
        e->failures = 0;
    leave(t);
}
