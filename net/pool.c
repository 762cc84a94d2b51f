/* SPDX-License-Identifier: Apache-2.0 */
#include "cleanup.h"
#include "clock.h"
#include "codec.h"
#include "net_internal.h"

#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#define URL_MAX_BYTES 2048
#define CREDENTIAL_MAX_BYTES (32 * KIB)
#define SLOT_WAIT_US US_PER_S

#define DEFAULT_CONNECT_MS 3000
#define DEFAULT_FIRST_BYTE_MS 15000
#define DEFAULT_IN_FLIGHT 64
#define DEFAULT_AGE_S 300
#define DEFAULT_HEADER_BYTES (256 * KIB)

/* ---- the origin ---- */

struct url_parts {
    CURLU *url;
    char *scheme, *host, *port;
};

static void url_parts_finish(struct url_parts *u)
{
    curl_free(u->scheme);
    curl_free(u->host);
    curl_free(u->port);
    curl_url_cleanup(u->url);
}

static bool is_loopback_host(const char *host)
{
    struct in_addr v4;

    if (text_eq_nocase(text_of(host), TEXT("localhost")) || strcmp(host, "[::1]") == 0)
        return true;
    return inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127;
}

/* Only characters that mean the same to every reader of URLs: no escapes, user, query, fragment. */
static bool has_plain_characters(const char *url)
{
    size_t len = strlen(url);

    if (len == 0 || len > URL_MAX_BYTES)
        return false;
    for (size_t i = 0; i < len; i++)
        if (url[i] <= 0x20 || url[i] >= 0x7f || strchr("%@?#\\", url[i]))
            return false;
    return true;
}

static bool is_part(CURLU *u, CURLUPart what, char **ret)
{
    return curl_url_get(u, what, ret, 0) == CURLUE_OK && *ret;
}

static bool has_root_path(CURLU *u)
{
    char *path = NULL, *zone = NULL;
    bool is_root = is_part(u, CURLUPART_PATH, &path) && strcmp(path, "/") == 0 &&
                   !is_part(u, CURLUPART_ZONEID, &zone);

    curl_free(path);
    curl_free(zone);
    return is_root;
}

static bool split_url(const char *url, struct url_parts *u)
{
    u->url = has_plain_characters(url) ? curl_url() : NULL;
    return u->url && curl_url_set(u->url, CURLUPART_URL, url, CURLU_DISALLOW_USER) == CURLUE_OK &&
           has_root_path(u->url) && is_part(u->url, CURLUPART_SCHEME, &u->scheme) &&
           is_part(u->url, CURLUPART_HOST, &u->host) &&
           curl_url_get(u->url, CURLUPART_PORT, &u->port, CURLU_DEFAULT_PORT) == CURLUE_OK;
}

/* Fill p->origin; p->trust is TRUST_NONE for http, else left to set_trust(). */
static int set_origin(struct net_pool *p, const struct net_pool_config *c, struct app_error *err)
{
    struct url_parts u AUTO(url_parts_finish) = {0};
    bool is_tls, is_allowed;

    if (!c->base_url || !split_url(c->base_url, &u))
        return app_fail(err, APP_BAD_REQUEST, "net: %s: the URL is not https://host[:port]",
                        p->name);
    is_tls = strcmp(u.scheme, "https") == 0;
    is_allowed = is_tls || (c->allow_loopback_http && strcmp(u.scheme, "http") == 0 &&
                            is_loopback_host(u.host));
    if (!is_allowed)
        return app_fail(err, APP_BAD_REQUEST, "net: %s: %s to this host is not allowed", p->name,
                        u.scheme);
    p->trust = is_tls ? TRUST_CHAIN : TRUST_NONE;
    if (asprintf(&p->origin, "%s://%s:%s", u.scheme, u.host, u.port) < 0) {
        p->origin = NULL;
        return app_fail(err, APP_INTERNAL, "net: out of memory");
    }
    return 0;
}

static int set_trust(struct net_pool *p, const struct net_pool_config *c, struct app_error *err)
{
    if (p->trust == TRUST_NONE)
        return 0;
    if (c->pin_sha256) {
        p->trust = TRUST_PIN;
        if (hex_decode(text_of(c->pin_sha256), p->pin, sizeof p->pin) < 0)
            return app_fail(err, APP_BAD_REQUEST, "net: %s: the fingerprint is not 64 hex digits",
                            p->name);
        return 0;
    }
    p->store =
        c->ca_pem ? net_tls_store_from_pem(c->ca_pem, err) : net_tls_store_of_system(p->net, err);
    return p->store ? 0 : -1;
}

/* ---- the credential ---- */

static void free_secret(char *s)
{
    if (s)
        OPENSSL_cleanse(s, strlen(s));
    free(s);
}

static int set_bearer(struct net_pool *p, const char *bearer, struct app_error *err)
{
    size_t len = strlen(bearer);

    if (len == 0 || len > CREDENTIAL_MAX_BYTES || !net_request_is_header_value(bearer) ||
        strpbrk(bearer, " \t"))
        return app_fail(err, APP_BAD_REQUEST, "net: %s: the bearer token has odd characters",
                        p->name);
    if (asprintf(&p->auth_line, "Authorization: Bearer %s", bearer) < 0) {
        p->auth_line = NULL;
        return app_fail(err, APP_INTERNAL, "net: out of memory");
    }
    return 0;
}

/* RFC 7617. */
static int set_basic(struct net_pool *p, const char *user, const char *password,
                     struct app_error *err)
{
    static const char scheme[] = "Authorization: Basic ";
    size_t user_len = strlen(user), password_len = strlen(password);
    size_t len = user_len + 1 + password_len;
    char *pair;

    if (strchr(user, ':') || !net_request_is_header_value(user) ||
        !net_request_is_header_value(password) || user_len > CREDENTIAL_MAX_BYTES ||
        password_len > CREDENTIAL_MAX_BYTES)
        return app_fail(err, APP_BAD_REQUEST, "net: %s: user or password has odd characters",
                        p->name);
    pair = malloc(len + 1);
    p->auth_line = calloc(1, sizeof scheme + 4 * (len / 3 + 1));
    if (!pair || !p->auth_line) {
        free(pair);
        return app_fail(err, APP_INTERNAL, "net: out of memory");
    }
    snprintf(pair, len + 1, "%s:%s", user, password);
    memcpy(p->auth_line, scheme, sizeof scheme - 1);
    EVP_EncodeBlock((unsigned char *)p->auth_line + sizeof scheme - 1, (unsigned char *)pair,
                    (int)len);
    free_secret(pair);
    return 0;
}

static int set_credential(struct net_pool *p, const struct net_pool_config *c,
                          struct app_error *err)
{
    if (c->bearer && c->basic_user)
        return app_fail(err, APP_INTERNAL, "net: %s: two credentials", p->name);
    if (c->bearer)
        return set_bearer(p, c->bearer, err);
    if (c->basic_user)
        return set_basic(p, c->basic_user, c->basic_password ? c->basic_password : "", err);
    return 0;
}

/* ---- life ---- */

static void pool_free(struct net_pool *p)
{
    struct net *n = p->net;

    for (int i = 0; i < p->spare_count; i++)
        curl_easy_cleanup(p->spares[i]);
    pthread_cond_destroy(&p->slot_free);
    pthread_mutex_destroy(&p->mutex);
    X509_STORE_free(p->store);
    free_secret(p->auth_line);
    free(p->name);
    free(p->origin);
    free(p);
    net_unref(n);
}

void net_pool_lane_closed(struct net_pool *p)
{
    if (atomic_fetch_sub(&p->open_lanes, 1) == 1)
        pool_free(p);
}

static int or_default(int value, int fallback)
{
    return value > 0 ? value : fallback;
}

static void set_limits(struct net_pool *p, const struct net_pool_config *c)
{
    p->connect_timeout_ms = or_default(c->connect_timeout_ms, DEFAULT_CONNECT_MS);
    p->first_byte_timeout_ms = or_default(c->first_byte_timeout_ms, DEFAULT_FIRST_BYTE_MS);
    p->max_in_flight = or_default(c->max_in_flight, DEFAULT_IN_FLIGHT);
    p->connection_max_age_s = or_default(c->connection_max_age_s, DEFAULT_AGE_S);
    p->header_max_bytes = c->header_max_bytes ? c->header_max_bytes : DEFAULT_HEADER_BYTES;
}

/* Waits are measured by the monotonic clock, as deadlines are. */
static int init_locks(struct net_pool *p)
{
    pthread_condattr_t attr;
    int rc;

    if (pthread_condattr_init(&attr) != 0)
        return -1;
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    rc = pthread_cond_init(&p->slot_free, &attr);
    pthread_condattr_destroy(&attr);
    if (rc != 0)
        return -1;
    if (pthread_mutex_init(&p->mutex, NULL) == 0)
        return 0;
    pthread_cond_destroy(&p->slot_free);
    return -1;
}

static void init_lanes(struct net_pool *p)
{
    struct net *n = p->net;

    for (int i = 0; i < n->loop_count; i++) {
        struct lane *lane = &p->lanes[i];

        *lane = (struct lane){.pool = p, .loop = &n->loops[i], .timer_us = INT64_MAX};
        link_init(&lane->link);
        link_init(&lane->closing_link);
    }
    atomic_init(&p->open_lanes, n->loop_count);
    p->home = (int)(atomic_fetch_add(&n->next_home, 1) % (unsigned)n->loop_count);
}

static struct net_pool *pool_alloc(struct net *n, const char *name)
{
    struct net_pool *p = calloc(1, sizeof *p + sizeof p->lanes[0] * (size_t)n->loop_count);

    if (!p)
        return NULL;
    p->name = strdup(name ? name : "");
    if (!p->name || init_locks(p) < 0) {
        free(p->name);
        free(p);
        return NULL;
    }
    p->net = n;
    net_ref(n);
    atomic_init(&p->refs, 1);
    init_lanes(p);
    return p;
}

struct net_pool *net_pool_open(struct net *n, const struct net_pool_config *config, bool is_reader,
                               struct app_error *err)
{
    struct net_pool *p = pool_alloc(n, config->name);

    if (!p) {
        app_fail(err, APP_INTERNAL, "net: out of memory");
        return NULL;
    }
    set_limits(p, config);
    if (set_origin(p, config, err) < 0)
        goto failed;
    if (is_reader)
        p->trust = TRUST_READ;
    else if (set_trust(p, config, err) < 0 || set_credential(p, config, err) < 0)
        goto failed;
    return p;

failed:
    pool_free(p);
    return NULL;
}

struct net_pool *net_pool_create(struct net *n, const struct net_pool_config *config,
                                 struct app_error *err)
{
    return net_pool_open(n, config, false, err);
}

struct net_pool *net_pool_ref(struct net_pool *p)
{
    atomic_fetch_add(&p->refs, 1);
    return p;
}

void net_pool_unref(struct net_pool *p)
{
    int count;

    if (!p || atomic_fetch_sub(&p->refs, 1) != 1)
        return;
    count = p->net->loop_count; /* *p may be gone after the last lane */
    for (int i = 0; i < count; i++)
        net_loop_close_lane(&p->lanes[i]);
}

/* ---- places in flight, easy handles, lanes ---- */

int net_pool_take_slot(struct net_pool *p, struct transfer *t, struct app_error *err)
{
    int64_t now_us = clock_mono_us();
    int64_t end_us =
        now_us + SLOT_WAIT_US < t->deadline_us ? now_us + SLOT_WAIT_US : t->deadline_us;
    struct timespec end = {.tv_sec = end_us / US_PER_S, .tv_nsec = end_us % US_PER_S * 1000};
    bool is_taken;
    int rc = 0;

    pthread_mutex_lock(&p->mutex);
    while (p->in_flight >= p->max_in_flight && rc == 0 && !atomic_load(&t->is_cancelled))
        rc = pthread_cond_timedwait(&p->slot_free, &p->mutex, &end);
    is_taken = p->in_flight < p->max_in_flight && !atomic_load(&t->is_cancelled);
    if (is_taken)
        p->in_flight++;
    pthread_mutex_unlock(&p->mutex);
    if (is_taken)
        return 0;
    if (atomic_load(&t->is_cancelled))
        return app_fail(err, APP_CANCELLED, "net: %s: cancelled before it began", p->name);
    return app_fail(err, APP_OVERLOADED, "net: %s: %d requests in flight", p->name,
                    p->max_in_flight);
}

void net_pool_return_slot(struct net_pool *p)
{
    pthread_mutex_lock(&p->mutex);
    p->in_flight--;
    pthread_cond_signal(&p->slot_free);
    pthread_mutex_unlock(&p->mutex);
}

void net_pool_wake_waiters(struct net_pool *p)
{
    pthread_mutex_lock(&p->mutex);
    pthread_cond_broadcast(&p->slot_free);
    pthread_mutex_unlock(&p->mutex);
}

CURL *net_pool_take_easy(struct net_pool *p)
{
    CURL *easy = NULL;

    pthread_mutex_lock(&p->mutex);
    if (p->spare_count > 0)
        easy = p->spares[--p->spare_count];
    pthread_mutex_unlock(&p->mutex);
    if (easy)
        return easy;
    easy = curl_easy_init();
    if (easy && net_transfer_set_pool_options(easy, p) < 0) {
        curl_easy_cleanup(easy);
        return NULL;
    }
    return easy;
}

void net_pool_return_easy(struct net_pool *p, CURL *easy)
{
    bool is_kept;

    pthread_mutex_lock(&p->mutex);
    is_kept = p->spare_count < NET_SPARES_MAX;
    if (is_kept)
        p->spares[p->spare_count++] = easy;
    pthread_mutex_unlock(&p->mutex);
    if (!is_kept)
        curl_easy_cleanup(easy);
}

struct lane *net_pool_pick_lane(struct net_pool *p)
{
    struct lane *best = &p->lanes[p->home];

    for (int i = 0; i < p->net->loop_count; i++)
        if (atomic_load(&p->lanes[i].active) < atomic_load(&best->active))
            best = &p->lanes[i];
    return best;
}
