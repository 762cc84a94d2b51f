/* SPDX-License-Identifier: Apache-2.0 */
/* The key that signs portal tokens: made once, sealed in the database, shared by every server
 * (design 6). */
#include "cleanup.h"
#include "clock.h"
#include "internal.h"
#include "lease_store.h"
#include "secrets.h"
#include "token.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdint.h>

#define KEY_PREFIX "portal-key/"
#define KEY_BYTES 64
#define LEASE_NAME "portal-key"
#define LEASE_TTL_MS 10000
#define LEASE_TRIES 50

static int create_key(struct services *s, struct arena *a, struct app_error *err)
{
    unsigned char key[KEY_BYTES];
    const char *path = arena_printf(a, KEY_PREFIX "%016llx", (unsigned long long)clock_unix_us());
    int rc = -1;

    if (!path || RAND_bytes(key, sizeof key) != 1)
        app_fail(err, APP_INTERNAL, "cannot make the key of portal tokens");
    else
        rc =
            secrets_put(s->config.secrets, path, (struct text){(const char *)key, sizeof key}, err);
    OPENSSL_cleanse(key, sizeof key);
    return rc;
}

static int list_keys(struct services *s, struct arena *a, const char *const **ret,
                     size_t *ret_count, struct app_error *err)
{
    return secrets_list(s->config.secrets, a, KEY_PREFIX, ret, ret_count, err);
}

/* Of several servers that start at once on an empty database one makes the key, the others find it.
 */
static int create_first(struct services *s, struct arena *a, const struct lease *lease,
                        struct app_error *err)
{
    const char *const *names;
    size_t count = 0;
    bool is_held = false;

    for (int i = 0; i < LEASE_TRIES; i++) {
        struct timespec pause = {0, 100 * 1000000L};

        if (lease_store_acquire(s->config.db, lease, &is_held, err) < 0 ||
            list_keys(s, a, &names, &count, err) < 0)
            return -1;
        if (count > 0 || is_held)
            break;
        nanosleep(&pause, NULL);
    }
    if (count > 0)
        return 0;
    if (!is_held)
        return app_fail(err, APP_OVERLOADED, "another server holds the lease " LEASE_NAME);
    return create_key(s, a, err);
}

static int ensure_key(struct services *s, struct arena *a, struct app_error *err)
{
    char owner[LEASE_OWNER_BYTES];
    struct lease lease = {.name = LEASE_NAME, .owner = owner, .ttl_ms = LEASE_TTL_MS};
    struct app_error ignored;
    int rc;

    if (lease_make_owner(owner, err) < 0)
        return -1;
    rc = create_first(s, a, &lease, err);
    if (lease_store_release(s->config.db, &lease, &ignored) < 0)
        return rc; /* it expires by itself */
    return rc;
}

static int use_key(struct services *s, struct arena *a, const char *name, struct app_error *err)
{
    const char *path = arena_printf(a, KEY_PREFIX "%s", name);
    struct text key;
    int rc;

    if (!path)
        return app_fail(err, APP_INTERNAL, "out of memory");
    if (secrets_get(s->config.secrets, a, path, &key, err) < 0)
        return -1;
    rc = identity_set_portal_key(s->config.identity, name, key.p, key.len, err);
    OPENSSL_cleanse((void *)(uintptr_t)key.p, key.len);
    return rc;
}

int keys_load_portal(struct services *s, bool may_create, struct app_error *err)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(1 * MIB);
    const char *const *names;
    size_t count;

    if (!a)
        return app_fail(err, APP_INTERNAL, "out of memory");
    if (list_keys(s, a, &names, &count, err) < 0)
        return -1;
    if (count == 0 && may_create &&
        (ensure_key(s, a, err) < 0 || list_keys(s, a, &names, &count, err) < 0))
        return -1;
    if (count == 0)
        return app_fail(err, APP_INTERNAL, "there is no key of portal tokens");
    /* names sort by time: the newest signs, the one before still verifies */
    for (size_t i = count > 2 ? count - 2 : 0; i < count; i++)
        if (use_key(s, a, names[i], err) < 0)
            return -1;
    return 0;
}
