/* SPDX-License-Identifier: Apache-2.0 */
#include "keys.h"
#include "cleanup.h"
#include "clock.h"
#include "issuer.h"
#include "lease_store.h"
#include "secrets.h"
#include "token.h"

#include <openssl/rand.h>

#define PORTAL_KEY_BYTES 64
#define LEASE_TTL_MS 10000
#define LEASE_TRIES 50
#define LEASE_PAUSE_NS (100 * 1000000L)

/* What tells one family of keys from the other. */
struct family {
    const char *prefix; /* of the secret's path; names below it sort by the time they were made */
    const char *lease;
    size_t newest; /* how many are used; 0: all */
    int (*generate)(struct arena *a, struct text *ret, struct app_error *err);
    int (*use)(void *user, const char *name, struct text key, struct app_error *err);
};

static int generate_portal(struct arena *a, struct text *ret, struct app_error *err)
{
    unsigned char *key = arena_alloc(a, PORTAL_KEY_BYTES);

    if (!key || RAND_bytes(key, PORTAL_KEY_BYTES) != 1)
        return app_fail(err, APP_INTERNAL, "cannot make a key of portal tokens");
    *ret = (struct text){(const char *)key, PORTAL_KEY_BYTES};
    return 0;
}

static int use_portal(void *user, const char *name, struct text key, struct app_error *err)
{
    return identity_set_portal_key(user, name, key.p, key.len, err);
}

static int generate_issuer(struct arena *a, struct text *ret, struct app_error *err)
{
    char kid[ISSUER_KEY_ID_BYTES];

    return issuer_generate_key(a, ret, kid, err);
}

static int use_issuer(void *user, const char *name, struct text key, struct app_error *err)
{
    (void)name; /* the issuer names a key by its thumbprint */
    return issuer_add_key(user, key, clock_unix_s(), err);
}

static const struct family portal = {"portal-key/", "portal-key", 2, generate_portal, use_portal};
static const struct family issuer = {"issuer-key/", "issuer-key", 0, generate_issuer, use_issuer};

static int make_key(const struct key_place *place, const struct family *f, struct app_error *err)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(1 * MIB);
    struct text key;
    const char *path;
    int rc;

    if (!a)
        return app_fail(err, APP_INTERNAL, "out of memory");
    if (f->generate(a, &key, err) < 0)
        return -1;
    path = arena_printf(a, "%s%016llx", f->prefix, (unsigned long long)clock_unix_us());
    rc = path ? secrets_put(place->secrets, path, key, err)
              : app_fail(err, APP_INTERNAL, "out of memory");
    text_wipe(key);
    return rc;
}

static int count_keys(const struct key_place *place, const struct family *f, size_t *ret,
                      struct app_error *err)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(1 * MIB);
    const char *const *names;

    if (!a)
        return app_fail(err, APP_INTERNAL, "out of memory");
    return secrets_list(place->secrets, a, f->prefix, &names, ret, err);
}

/* Of several servers that start at once on an empty database one makes the key, the others wait
 * until it is there. */
static int make_first(const struct key_place *place, const struct family *f,
                      const struct lease *lease, struct app_error *err)
{
    size_t count = 0;
    bool is_held = false;

    for (int i = 0; i < LEASE_TRIES && !is_held; i++) {
        struct timespec pause = {0, LEASE_PAUSE_NS};

        /* the lease first: who holds it and still finds nothing is the only one who may make it */
        if (lease_store_acquire(place->db, lease, &is_held, err) < 0 ||
            count_keys(place, f, &count, err) < 0)
            return -1;
        if (count > 0)
            return 0;
        if (!is_held)
            nanosleep(&pause, NULL);
    }
    if (!is_held)
        return app_fail(err, APP_OVERLOADED, "another server holds the lease %s", f->lease);
    return make_key(place, f, err);
}

static int ensure_one(const struct key_place *place, const struct family *f, struct app_error *err)
{
    char owner[LEASE_OWNER_BYTES];
    struct lease lease = {.name = f->lease, .owner = owner, .ttl_ms = LEASE_TTL_MS};
    struct app_error ignored;
    size_t count = 0;
    int rc;

    if (count_keys(place, f, &count, err) < 0)
        return -1;
    if (count > 0)
        return 0;
    if (lease_make_owner(owner, err) < 0)
        return -1;
    rc = make_first(place, f, &lease, err);
    if (lease_store_release(place->db, &lease, &ignored) < 0)
        return rc; /* it ends by itself */
    return rc;
}

static int use_key(const struct key_place *place, const struct family *f, const char *name,
                   void *user, struct app_error *err)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(1 * MIB);
    const char *path = a ? arena_printf(a, "%s%s", f->prefix, name) : NULL;
    struct text key;
    int rc;

    if (!path)
        return app_fail(err, APP_INTERNAL, "out of memory");
    if (secrets_get(place->secrets, a, path, &key, err) < 0)
        return -1;
    rc = f->use(user, name, key, err);
    text_wipe(key);
    return rc;
}

static int load(const struct key_place *place, const struct family *f, void *user,
                struct app_error *err)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(1 * MIB);
    const char *const *names;
    size_t count;

    if (!a)
        return app_fail(err, APP_INTERNAL, "out of memory");
    if (ensure_one(place, f, err) < 0 ||
        secrets_list(place->secrets, a, f->prefix, &names, &count, err) < 0)
        return -1;
    for (size_t i = f->newest && count > f->newest ? count - f->newest : 0; i < count; i++)
        if (use_key(place, f, names[i], user, err) < 0)
            return -1;
    return 0;
}

int keys_load_portal(const struct key_place *place, struct identity *id, struct app_error *err)
{
    return load(place, &portal, id, err);
}

int keys_load_issuer(const struct key_place *place, struct issuer *is, struct app_error *err)
{
    return load(place, &issuer, is, err);
}

int keys_rotate_portal(const struct key_place *place, struct app_error *err)
{
    return make_key(place, &portal, err);
}

int keys_rotate_issuer(const struct key_place *place, struct app_error *err)
{
    return make_key(place, &issuer, err);
}
