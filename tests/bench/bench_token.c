/* SPDX-License-Identifier: Apache-2.0 */
/* Cost of one token check, remembered and not (budget: 2 us and 60 us). Prints one JSON object. */
#include "arena.h"
#include "cleanup.h"
#include "clock.h"
#include "token.h"
#include "token_maker.h"

#include <assert.h>

#define ROUNDS_CACHED 200000
#define ROUNDS_UNCACHED 10000

static const char *document;

static int give_document(void *ctx, const char *url, int64_t deadline_us, struct buf *ret,
                         struct app_error *err)
{
    (void)ctx, (void)url, (void)deadline_us, (void)err;
    return buf_append_str(ret, document);
}

static struct identity *start(int cache_entries)
{
    static const char *const clients[] = {MAKER_CLIENT};
    struct identity_config config = {.issuer = MAKER_ISSUER,
                                     .client_ids = clients,
                                     .client_id_count = 1,
                                     .super_admin_role = "cp-cluster-admin-role",
                                     .jwks_url = MAKER_ISSUER "/certs",
                                     .leeway_s = 30,
                                     .jwks_refresh_s = 300,
                                     .jwks_stale_s = 86400,
                                     .jwks_cooldown_s = 10,
                                     .max_token_life_s = 86400,
                                     .cache_entries = cache_entries};
    struct identity_env env = {.fetch = give_document};
    struct identity *id = identity_create_with(&config, &env, NULL);

    assert(id);
    return id;
}

/* @return nanoseconds a check; each round has an arena of its own, as a request has */
static double time_checks(struct identity *id, struct text header, int rounds)
{
    struct principal p;
    struct arena *warm = arena_create(4096);
    int64_t began;
    int rc = identity_verify(id, header, 0, warm, &p, NULL);

    arena_destroy(warm);
    assert(rc == 0);
    began = clock_mono_us();
    for (int i = 0; i < rounds; i++) {
        struct arena *a = arena_create(4096);

        rc |= identity_try_verify(id, header, a, &p, NULL);
        arena_destroy(a);
    }
    assert(rc == 0);
    return (double)(clock_mono_us() - began) * 1000.0 / rounds;
}

static double run(struct text header, int cache_entries, int rounds)
{
    struct identity *id = start(cache_entries);
    double ns = time_checks(id, header, rounds);

    identity_destroy(id);
    return ns;
}

int main(void)
{
    struct token_maker m;
    struct text header;

    token_maker_init(&m, clock_unix_s());
    document = arena_printf(m.a, "{\"keys\":[%s]}", token_maker_jwk(&m, m.sig, MAKER_KID, "sig"));
    header =
        text_of(arena_printf(m.a, "Bearer %s", token_maker_access(&m, m.sig, MAKER_KID, NULL)));
    printf("{\"token_bytes\":%zu,\"cached_us\":%.2f,\"uncached_us\":%.2f}\n", header.len - 7,
           run(header, 1024, ROUNDS_CACHED) / 1000, run(header, 0, ROUNDS_UNCACHED) / 1000);
    token_maker_finish(&m);
    return 0;
}
