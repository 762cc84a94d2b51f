/* SPDX-License-Identifier: Apache-2.0 */
#include "access.h"
#include "change_store.h"
#include "cleanup.h"
#include "clock.h"
#include "internal.h"
#include "token.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_SLOTS 4096 /* a power of two; a person hashed onto another's slot replaces it */
#define ENTRY_MAX_BYTES (64 * KIB)
#define FAILURE_PAUSE_US 500000

/* Grants of one person, in an arena of the entry's own. */
struct entry {
    struct arena *arena;
    struct principal rights; /* auth_id, type, grants, grant_count are set */
    uint64_t generation;
};

struct rights_cache {
    pthread_mutex_t lock; /* guards slots; held for copies only, never across I/O */
    struct entry slots[CACHE_SLOTS];
    _Atomic uint64_t generation; /* entries of another generation are old */
    pthread_mutex_t poll_lock;   /* one thread at a time reads the change sequence */
    _Atomic int64_t polled_us;   /* when it was read last, monotonic; 0: never */
    int64_t failed_us;           /* under poll_lock: when reading failed last */
    struct change_seqs seqs;     /* under poll_lock */
};

struct rights_cache *rights_cache_create(void)
{
    struct rights_cache *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    pthread_mutex_init(&c->lock, NULL);
    pthread_mutex_init(&c->poll_lock, NULL);
    atomic_store(&c->generation, 1);
    return c;
}

void rights_cache_destroy(struct rights_cache *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < CACHE_SLOTS; i++)
        arena_destroy(c->slots[i].arena);
    pthread_mutex_destroy(&c->lock);
    pthread_mutex_destroy(&c->poll_lock);
    free(c);
}

static bool is_fresh(struct rights_cache *c)
{
    int64_t polled_us = atomic_load(&c->polled_us);

    return polled_us != 0 && clock_mono_us() - polled_us < ACCESS_POLL_US;
}

static void apply_changes(struct services *s, const struct change_seqs *now)
{
    struct rights_cache *c = s->rights;
    struct app_error ignored;

    if (now->seq[CHANGE_USERS] != c->seqs.seq[CHANGE_USERS] ||
        now->seq[CHANGE_CLUSTERS] != c->seqs.seq[CHANGE_CLUSTERS])
        atomic_fetch_add(&c->generation, 1);
    if (now->seq[CHANGE_CLUSTERS] != c->seqs.seq[CHANGE_CLUSTERS] ||
        now->seq[CHANGE_SECRETS] != c->seqs.seq[CHANGE_SECRETS])
        kube_forget_all(s->kube);
    if (now->seq[CHANGE_SECRETS] != c->seqs.seq[CHANGE_SECRETS] && svc_load_keys(s, &ignored) < 0)
        return; /* the sequence stays old, so the next poll tries again */
    c->seqs = *now;
}

static int poll_locked(struct services *s, struct app_error *err)
{
    struct rights_cache *c = s->rights;
    struct change_seqs now;
    int64_t begun_us = clock_mono_us();

    if (is_fresh(c))
        return 0;
    /* while the database is down nobody queues up behind a connect time-out */
    if (c->failed_us != 0 && begun_us - c->failed_us < FAILURE_PAUSE_US)
        return app_fail(err, APP_DATABASE, "the database did not answer a moment ago");
    if (change_store_read(s->config.db, &now, err) < 0) {
        c->failed_us = clock_mono_us();
        return -1;
    }
    c->failed_us = 0;
    apply_changes(s, &now);
    /* counted from before the read: a change committed after it is seen ACCESS_POLL_US later at
     * most */
    atomic_store(&c->polled_us, begun_us);
    return 0;
}

static int poll_changes(struct services *s, struct app_error *err)
{
    int rc;

    if (is_fresh(s->rights))
        return 0;
    pthread_mutex_lock(&s->rights->poll_lock);
    rc = poll_locked(s, err);
    pthread_mutex_unlock(&s->rights->poll_lock);
    return rc;
}

static size_t slot_of(const char *auth_id)
{
    uint64_t h = 14695981039346656037ull; /* FNV-1a */

    for (; *auth_id; auth_id++)
        h = (h ^ (unsigned char)*auth_id) * 1099511628211ull;
    return (size_t)(h ^ h >> 32) & (CACHE_SLOTS - 1);
}

static int copy_rights(struct arena *a, const struct principal *from, struct principal *to)
{
    struct grant *grants = arena_array(a, from->grant_count, sizeof *grants);

    if (!grants)
        return -1;
    for (size_t i = 0; i < from->grant_count; i++) {
        const struct grant *g = &from->grants[i];

        grants[i] = (struct grant){arena_strdup(a, g->cluster_id), g->type,
                                   arena_strdup(a, g->namespace_name)};
        if (!grants[i].cluster_id || (g->namespace_name && !grants[i].namespace_name))
            return -1;
    }
    to->type = from->type;
    to->grants = grants;
    to->grant_count = from->grant_count;
    return 0;
}

/* @return true when the rights of p->auth_id were found and copied */
static bool find_cached(struct rights_cache *c, struct arena *a, struct principal *p)
{
    struct entry *e = &c->slots[slot_of(p->auth_id)];
    bool found;

    pthread_mutex_lock(&c->lock);
    found = e->arena && e->generation == atomic_load(&c->generation) &&
            strcmp(e->rights.auth_id, p->auth_id) == 0 && copy_rights(a, &e->rights, p) == 0;
    pthread_mutex_unlock(&c->lock);
    return found;
}

static void remember(struct rights_cache *c, const struct principal *p, uint64_t generation)
{
    struct entry fresh = {.arena = arena_create(ENTRY_MAX_BYTES), .generation = generation};
    struct entry *e = &c->slots[slot_of(p->auth_id)];
    struct arena *old;

    if (!fresh.arena)
        return;
    fresh.rights.auth_id = arena_strdup(fresh.arena, p->auth_id);
    if (!fresh.rights.auth_id || copy_rights(fresh.arena, p, &fresh.rights) < 0) {
        arena_destroy(fresh.arena); /* a person with very many namespaces is read every time */
        return;
    }
    pthread_mutex_lock(&c->lock);
    old = e->arena;
    *e = fresh;
    pthread_mutex_unlock(&c->lock);
    arena_destroy(old);
}

int rights_of_rows(struct arena *a, const struct right_list *rows, struct principal *ret,
                   struct app_error *err)
{
    struct grant *grants = arena_array(a, rows->count, sizeof *grants);
    size_t n = 0;
    enum user_type global = USER_TYPE_NONE;

    if (!grants)
        return app_fail(err, APP_INTERNAL, "out of memory");
    for (size_t i = 0; i < rows->count; i++) {
        const struct right_row *r = &rows->rows[i];
        enum user_type type = user_type_of(r->user_type);

        if (type > global)
            global = type;
        if (type == USER_TYPE_USER || type == USER_TYPE_CLUSTER_ADMIN)
            grants[n++] = (struct grant){r->cluster_id, type,
                                         type == USER_TYPE_USER ? r->namespace_name : NULL};
    }
    ret->type = global;
    ret->grants = grants;
    ret->grant_count = n;
    return 0;
}

int access_load_rights(struct services *s, struct arena *a, struct principal *p,
                       struct app_error *err)
{
    struct right_list rows;

    if (user_store_list_rights(s->config.db, a, p->auth_id, &rows, err) < 0)
        return -1;
    return rights_of_rows(a, &rows, p, err);
}

void access_forget(struct services *s)
{
    atomic_fetch_add(&s->rights->generation, 1);
}

/* The role at the identity provider makes eligible, the row gives the right: one without the other
 * is nothing (design 9.2). A portal token was only issued to an eligible person. */
static void drop_ineligible(struct principal *p)
{
    if (p->type == USER_TYPE_SUPER_ADMIN && p->token_kind == TOKEN_KEYCLOAK &&
        !p->is_eligible_super_admin) {
        p->type = USER_TYPE_NONE;
        p->grants = NULL;
        p->grant_count = 0;
    }
}

static int add_rights(struct services *s, struct arena *a, struct principal *p,
                      struct app_error *err)
{
    struct rights_cache *c = s->rights;
    uint64_t generation;

    if (poll_changes(s, err) < 0)
        return -1;
    generation = atomic_load(&c->generation);
    if (find_cached(c, a, p))
        return 0;
    if (access_load_rights(s, a, p, err) < 0)
        return -1;
    remember(c, p, generation);
    return 0;
}

/* A person is (issuer, sub): a portal token of another issuer's person is nobody here. */
static int check_issuer(const struct services *s, const struct principal *p, struct app_error *err)
{
    if (strcmp(p->issuer, s->config.issuer) == 0)
        return 0;
    return app_fail(err, APP_TOKEN_INVALID, "a portal token of another issuer's person");
}

int access_authenticate(struct services *s, struct text authorization, int64_t deadline_us,
                        struct arena *a, const struct principal **ret, struct app_error *err)
{
    struct principal *p = arena_alloc(a, sizeof *p);

    if (!p)
        return app_fail(err, APP_INTERNAL, "out of memory");
    if (identity_verify(s->config.identity, authorization, deadline_us, a, p, err) < 0)
        return -1;
    if (check_issuer(s, p, err) < 0 || add_rights(s, a, p, err) < 0)
        return -1;
    drop_ineligible(p);
    *ret = p;
    return 0;
}

int access_try_authenticate(struct services *s, struct text authorization, struct arena *a,
                            const struct principal **ret, struct app_error *err)
{
    struct principal *p = arena_alloc(a, sizeof *p);
    int rc;

    if (!p)
        return app_fail(err, APP_INTERNAL, "out of memory");
    rc = identity_try_verify(s->config.identity, authorization, a, p, err);
    if (rc != 0)
        return rc;
    if (check_issuer(s, p, err) < 0)
        return -1;
    if (!is_fresh(s->rights) || !find_cached(s->rights, a, p))
        return 1;
    drop_ineligible(p);
    *ret = p;
    return 0;
}
