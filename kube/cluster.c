/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster.h"

#include "cleanup.h"
#include "clock.h"
#include "internal.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#define BUCKETS 256
#define ENTRIES_MAX 10000
#define ID_MAX_BYTES 128
#define RECORD_ARENA_BYTES ((size_t)1 << 20)
#define URL_MAX_BYTES 512

/* One cluster id the registry was asked for. Lives while it holds a cluster or somebody uses it. */
struct entry {
    struct entry *next;
    char *id;
    struct kube_cluster *cluster; /* last good one; counted */
    unsigned users;               /* callers inside kube_cluster_get() */
    unsigned generation;          /* moves with every forget: a load begun before is not fresh */
    unsigned serial;              /* moves with every finished load */
    unsigned failed_serial;       /* the load that ended with .failure */
    bool is_loading, is_fresh;
    struct app_error failure;
};

struct kube {
    struct net *net;
    struct kube_config config;
    kube_loader_fn loader;
    void *ctx;
    pthread_mutex_t lock;
    pthread_cond_t loaded;
    struct entry *buckets[BUCKETS];
    size_t count;
};

static const char *const trust_names[] = {"pending", "ca", "system", "pin"};

const char *kube_trust_state_name(enum kube_trust_state s)
{
    return (size_t)s < ARRAY_LEN(trust_names) ? trust_names[s] : trust_names[KUBE_TRUST_PENDING];
}

enum kube_trust_state kube_trust_state_of(const char *name)
{
    for (size_t i = 0; name && i < ARRAY_LEN(trust_names); i++)
        if (strcmp(trust_names[i], name) == 0)
            return (enum kube_trust_state)i;
    return KUBE_TRUST_PENDING;
}

struct net *kube_net(const struct kube *k)
{
    return k->net;
}

const struct kube_config *kube_configuration(const struct kube *k)
{
    return &k->config;
}

/* ---- URL ---- */

static bool is_prefix_ok(const char *prefix)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  "-._~/";

    return prefix[strspn(prefix, allowed)] == '\0' && !strstr(prefix, "//") &&
           !strstr(prefix, "/.");
}

int kube_url_split(struct arena *a, const char *url, const char **ret_origin,
                   const char **ret_prefix, struct app_error *err)
{
    const char *authority = url ? strstr(url, "://") : NULL;
    size_t origin_len, len = url ? strlen(url) : 0;
    char *origin, *prefix;

    if (!authority || len > URL_MAX_BYTES)
        return app_fail_text(err, APP_BAD_REQUEST, "The cluster's address is not a usable URL.");
    origin_len = (size_t)(authority + 3 - url) + strcspn(authority + 3, "/?#");
    while (len > origin_len && url[len - 1] == '/')
        len--;
    origin = arena_strndup(a, url, origin_len);
    prefix = arena_strndup(a, url + origin_len, len - origin_len);
    if (!origin || !prefix)
        return app_fail(err, APP_INTERNAL, "out of memory");
    if (!is_prefix_ok(prefix))
        return app_fail_text(err, APP_BAD_REQUEST, "The cluster's address is not a usable URL.");
    *ret_origin = origin;
    *ret_prefix = prefix;
    return 0;
}

/* ---- one cluster ---- */

/* Fields are hashed with their length, so that no two records run together to the same bytes. */
static bool hash_field(EVP_MD_CTX *ctx, const char *s)
{
    uint64_t len = s ? strlen(s) : UINT64_MAX;

    return EVP_DigestUpdate(ctx, &len, sizeof(len)) && (!s || EVP_DigestUpdate(ctx, s, strlen(s)));
}

static int record_digest(const struct kube_cluster_record *r,
                         unsigned char ret[RECORD_DIGEST_BYTES])
{
    const char *const fields[] = {
        r->cluster_id, r->api_url,       kube_trust_state_name(r->trust_state),
        r->ca_pem,     r->pinned_sha256, r->token};
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL);

    for (size_t i = 0; ok && i < ARRAY_LEN(fields); i++)
        ok = hash_field(ctx, fields[i]);
    ok = ok && EVP_DigestFinal_ex(ctx, ret, NULL);
    EVP_MD_CTX_free(ctx);
    return ok ? 0 : -1;
}

static void wipe(char *secret)
{
    if (secret)
        OPENSSL_cleanse(secret, strlen(secret));
}

/* What must hold before the credential may be used at all. */
static int check_trust(const struct kube_cluster_record *r, struct app_error *err)
{
    bool is_complete = true;

    if (r->trust_state == KUBE_TRUST_PENDING)
        return app_fail_text(err, APP_UPSTREAM_UNREACHABLE,
                             "The cluster's certificate is not confirmed yet; an operator must "
                             "run: cp-portal cluster trust ID --fingerprint SHA256");
    if (r->trust_state == KUBE_TRUST_CA)
        is_complete = r->ca_pem && *r->ca_pem;
    if (r->trust_state == KUBE_TRUST_PIN)
        is_complete = r->pinned_sha256 && *r->pinned_sha256;
    if (!is_complete)
        return app_fail(err, APP_INTERNAL, "cluster record: trust state %s without its value",
                        kube_trust_state_name(r->trust_state));
    return 0;
}

static void cluster_destroy(struct kube_cluster *c)
{
    net_pool_unref(c->pool);
    kube_breaker_finish(&c->breaker);
    free(c->id);
    free(c->url);
    free(c->prefix);
    free(c);
}

static struct kube_cluster *cluster_create(const struct kube *k,
                                           const struct kube_cluster_record *r, const char *origin,
                                           const char *prefix)
{
    struct kube_cluster *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    atomic_init(&c->refs, 1);
    atomic_init(&c->in_flight, 0);
    kube_breaker_init(&c->breaker);
    c->max_in_flight = k->config.max_in_flight;
    c->clock_us = k->config.clock_us;
    c->utc_offset_min = k->config.utc_offset_min;
    c->trust_state = r->trust_state;
    c->id = strdup(r->cluster_id ? r->cluster_id : "");
    c->url = malloc(strlen(origin) + strlen(prefix) + 1);
    c->prefix = strdup(prefix);
    if (!c->id || !c->url || !c->prefix || record_digest(r, c->digest) < 0) {
        cluster_destroy(c);
        return NULL;
    }
    memcpy(c->url, origin, strlen(origin));
    memcpy(c->url + strlen(origin), prefix, strlen(prefix) + 1);
    return c;
}

static struct net_pool *pool_create(const struct kube *k, const struct kube_cluster_record *r,
                                    const char *origin, struct app_error *err)
{
    struct net_pool_config config = {
        .name = r->cluster_id,
        .base_url = origin,
        .allow_loopback_http = k->config.allow_loopback_http,
        .ca_pem = r->trust_state == KUBE_TRUST_CA ? r->ca_pem : NULL,
        .pin_sha256 = r->trust_state == KUBE_TRUST_PIN ? r->pinned_sha256 : NULL,
        .bearer = r->token && *r->token ? r->token : NULL,
        .connect_timeout_ms = k->config.connect_timeout_ms,
        .first_byte_timeout_ms = k->config.first_byte_timeout_ms,
        .max_in_flight = k->config.max_in_flight,
    };

    return net_pool_create(k->net, &config, err);
}

/* @return a new cluster, or NULL; does not wipe the token */
static struct kube_cluster *
cluster_of_record(const struct kube *k, const struct kube_cluster_record *r, struct app_error *err)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(RECORD_ARENA_BYTES);
    const char *origin = "", *prefix = "";
    struct kube_cluster *c;

    if (!a) {
        app_fail(err, APP_INTERNAL, "out of memory");
        return NULL;
    }
    if (check_trust(r, err) < 0 || kube_url_split(a, r->api_url, &origin, &prefix, err) < 0)
        return NULL;
    c = cluster_create(k, r, origin, prefix);
    if (!c) {
        app_fail(err, APP_INTERNAL, "out of memory");
        return NULL;
    }
    c->pool = pool_create(k, r, origin, err);
    if (!c->pool) {
        cluster_destroy(c);
        return NULL;
    }
    return c;
}

struct kube_cluster *kube_cluster_open(struct kube *k, struct kube_cluster_record *record,
                                       struct app_error *err)
{
    struct kube_cluster *c = cluster_of_record(k, record, err);

    wipe(record->token);
    return c;
}

struct kube_cluster *kube_cluster_ref(struct kube_cluster *c)
{
    atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    return c;
}

void kube_cluster_unref(struct kube_cluster *c)
{
    if (c && atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) == 1)
        cluster_destroy(c);
}

void kube_cluster_unref_p(struct kube_cluster **c)
{
    kube_cluster_unref(*c);
}

const char *kube_cluster_id(const struct kube_cluster *c)
{
    return c->id;
}

const char *kube_cluster_url(const struct kube_cluster *c)
{
    return c->url;
}

enum kube_trust_state kube_cluster_trust(const struct kube_cluster *c)
{
    return c->trust_state;
}

struct kube_breaker *kube_cluster_breaker(struct kube_cluster *c)
{
    return &c->breaker;
}

int kube_cluster_in_flight(const struct kube_cluster *c)
{
    return atomic_load_explicit(&c->in_flight, memory_order_relaxed);
}

/* ---- the registry ---- */

struct kube *kube_create(struct net *n, const struct kube_config *config, kube_loader_fn loader,
                         void *ctx, struct app_error *err)
{
    struct kube *k = calloc(1, sizeof(*k));

    if (!k) {
        app_fail(err, APP_INTERNAL, "out of memory");
        return NULL;
    }
    k->net = n;
    k->config = *config;
    if (k->config.max_in_flight <= 0)
        k->config.max_in_flight = 64;
    if (!k->config.clock_us)
        k->config.clock_us = clock_mono_us;
    k->loader = loader;
    k->ctx = ctx;
    pthread_mutex_init(&k->lock, NULL);
    pthread_cond_init(&k->loaded, NULL);
    return k;
}

static void entry_destroy(struct entry *e)
{
    assert(e->users == 0);
    kube_cluster_unref(e->cluster);
    free(e->id);
    free(e);
}

void kube_destroy(struct kube *k)
{
    if (!k)
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct entry *e = k->buckets[i], *next; e; e = next) {
            next = e->next;
            entry_destroy(e);
        }
    pthread_cond_destroy(&k->loaded);
    pthread_mutex_destroy(&k->lock);
    free(k);
}

static struct entry **bucket_of(struct kube *k, const char *id)
{
    uint32_t h = 2166136261u; /* FNV-1a; ids are checked against the database, so floods do not grow
                                 a bucket */

    for (; *id; id++)
        h = (h ^ (unsigned char)*id) * 16777619u;
    return &k->buckets[h % BUCKETS];
}

static struct entry *find(struct kube *k, const char *id)
{
    struct entry *e = *bucket_of(k, id);

    while (e && strcmp(e->id, id) != 0)
        e = e->next;
    return e;
}

static struct entry *find_or_add(struct kube *k, const char *id, struct app_error *err)
{
    struct entry *e = find(k, id), **bucket = bucket_of(k, id);

    if (e)
        return e;
    if (k->count >= ENTRIES_MAX) {
        app_fail(err, APP_OVERLOADED, "more than %d clusters", ENTRIES_MAX);
        return NULL;
    }
    e = calloc(1, sizeof(*e));
    if (e)
        e->id = strdup(id);
    if (!e || !e->id) {
        free(e);
        app_fail(err, APP_INTERNAL, "out of memory");
        return NULL;
    }
    e->next = *bucket;
    *bucket = e;
    k->count++;
    return e;
}

/* Ids that lead to no cluster must not stay: anybody may ask for any id. */
static void remove_if_unused(struct kube *k, struct entry *e)
{
    struct entry **at = bucket_of(k, e->id);

    if (e->users > 0 || e->cluster)
        return;
    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    k->count--;
    entry_destroy(e);
}

/* Load without the lock. @return a new cluster, @p old itself when the record is the same, or NULL
 */
static struct kube_cluster *load(struct kube *k, const char *id, struct kube_cluster *old,
                                 struct app_error *err)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(RECORD_ARENA_BYTES);
    struct kube_cluster_record r = {0};
    struct kube_cluster *c = NULL;
    unsigned char digest[RECORD_DIGEST_BYTES];

    if (!a) {
        app_fail(err, APP_INTERNAL, "out of memory");
        return NULL;
    }
    if (k->loader(k->ctx, a, id, &r, err) < 0)
        return NULL;
    if (!r.cluster_id)
        r.cluster_id = id;
    /* The same record keeps its connections and its breaker: a dead cluster stays known as dead. */
    if (old && record_digest(&r, digest) == 0 && memcmp(digest, old->digest, sizeof(digest)) == 0)
        c = old;
    else
        c = cluster_of_record(k, &r, err);
    wipe(r.token);
    return c;
}

/* Under the lock: note how a load begun at @p generation ended. */
static void note_outcome(struct entry *e, bool is_good, unsigned generation,
                         const struct app_error *why)
{
    e->serial++;
    e->is_loading = false;
    e->is_fresh = is_good && e->generation == generation;
    if (!is_good) {
        e->failed_serial = e->serial;
        e->failure = *why;
    }
}

/* A failure that says the cluster is not there any more; others keep it for the next load. */
static bool is_gone(const struct app_error *why)
{
    return why->code == APP_NOT_FOUND || why->code == APP_UPSTREAM_UNREACHABLE;
}

/* Under the lock, left while loading: the entry's cluster is ours meanwhile, as it is not fresh. */
static struct kube_cluster *load_entry(struct kube *k, struct entry *e, struct app_error *err)
{
    struct app_error why = {0};
    struct kube_cluster *old = STEAL(e->cluster), *c;
    unsigned generation = e->generation;

    e->is_loading = true;
    pthread_mutex_unlock(&k->lock);
    c = load(k, e->id, old, &why);
    pthread_mutex_lock(&k->lock);
    note_outcome(e, c != NULL, generation, &why);
    if (c == old || (!c && !is_gone(&why)))
        e->cluster = STEAL(old);
    else
        e->cluster = c;
    if (c)
        kube_cluster_ref(c);
    else if (err)
        *err = why;
    pthread_cond_broadcast(&k->loaded);
    /* The last reference closes connections: never under the lock. The entry stays, we use it. */
    pthread_mutex_unlock(&k->lock);
    kube_cluster_unref(old);
    pthread_mutex_lock(&k->lock);
    return c;
}

/* Under the lock. */
static struct kube_cluster *get_locked(struct kube *k, struct entry *e, struct app_error *err)
{
    while (!e->is_fresh) {
        unsigned serial = e->serial;

        if (!e->is_loading)
            return load_entry(k, e, err);
        while (e->serial == serial)
            pthread_cond_wait(&k->loaded, &k->lock);
        if (!e->is_fresh && e->failed_serial == e->serial) {
            if (err)
                *err = e->failure;
            return NULL;
        }
    }
    return kube_cluster_ref(e->cluster);
}

struct kube_cluster *kube_cluster_get(struct kube *k, const char *cluster_id, struct app_error *err)
{
    struct kube_cluster *c = NULL;
    struct entry *e;

    if (!cluster_id || !*cluster_id || strlen(cluster_id) > ID_MAX_BYTES) {
        app_fail(err, APP_NOT_FOUND, "not a cluster id");
        return NULL;
    }
    pthread_mutex_lock(&k->lock);
    e = find_or_add(k, cluster_id, err);
    if (e) {
        e->users++;
        c = get_locked(k, e, err);
        e->users--;
        remove_if_unused(k, e);
    }
    pthread_mutex_unlock(&k->lock);
    return c;
}

/* Under the lock: take an entry that nobody uses out of the table and put it before *list. */
static void take_out(struct kube *k, struct entry **at, struct entry **list)
{
    struct entry *e = *at;

    *at = e->next;
    e->next = *list;
    *list = e;
    k->count--;
}

/* Without the lock: the last reference to a pool closes its connections. */
static void destroy_list(struct entry *list)
{
    for (struct entry *next; list; list = next) {
        next = list->next;
        entry_destroy(list);
    }
}

static void mark_stale(struct entry *e)
{
    e->generation++;
    e->is_fresh = false;
}

void kube_cluster_forget(struct kube *k, const char *cluster_id)
{
    struct entry *gone = NULL, **at;

    pthread_mutex_lock(&k->lock);
    at = bucket_of(k, cluster_id);
    while (*at && strcmp((*at)->id, cluster_id) != 0)
        at = &(*at)->next;
    if (*at && (*at)->users == 0)
        take_out(k, at, &gone);
    else if (*at)
        mark_stale(*at);
    pthread_mutex_unlock(&k->lock);
    destroy_list(gone);
}

/* What nobody asked for since the change before may be a deleted cluster: let its credential go. */
static void forget_bucket(struct kube *k, struct entry **at, struct entry **gone)
{
    while (*at) {
        if ((*at)->users == 0 && !(*at)->is_fresh) {
            take_out(k, at, gone);
            continue;
        }
        mark_stale(*at);
        at = &(*at)->next;
    }
}

void kube_forget_all(struct kube *k)
{
    struct entry *gone = NULL;

    pthread_mutex_lock(&k->lock);
    for (size_t i = 0; i < BUCKETS; i++)
        forget_bucket(k, &k->buckets[i], &gone);
    pthread_mutex_unlock(&k->lock);
    destroy_list(gone);
}
