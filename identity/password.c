/* SPDX-License-Identifier: Apache-2.0 */
#include "password.h"

#include "cleanup.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdatomic.h>

#define SALT_BYTES 16
#define HASH_BYTES 32
#define WAITING_MAX 16
/* stored parameters beyond these are refused: a row must not choose how much memory a sign-in takes
 */
#define N_MIN (INT64_C(1) << 10)
#define N_MAX (INT64_C(1) << 17)
#define R_MAX 8
#define P_MAX 4

static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
static atomic_int waiting;

static bool is_sane(const struct issuer_password *s)
{
    return s->n >= N_MIN && s->n <= N_MAX && (s->n & (s->n - 1)) == 0 && s->r >= 1 &&
           s->r <= R_MAX && s->p >= 1 && s->p <= P_MAX && s->salt.len >= SALT_BYTES &&
           s->hash.len == HASH_BYTES;
}

static int derive(struct text password, const struct issuer_password *how,
                  unsigned char ret[HASH_BYTES], struct app_error *err)
{
    uint64_t memory = (uint64_t)how->n * (uint64_t)how->r * 128 + (1u << 20);
    int ok;

    if (atomic_fetch_add(&waiting, 1) >= WAITING_MAX) {
        atomic_fetch_sub(&waiting, 1);
        return app_fail(err, APP_OVERLOADED, "password: too many checks wait");
    }
    pthread_mutex_lock(&one_at_a_time);
    ok = EVP_PBE_scrypt(password.p, password.len, (const unsigned char *)how->salt.p, how->salt.len,
                        (uint64_t)how->n, (uint64_t)how->r, (uint64_t)how->p, memory, ret,
                        HASH_BYTES);
    pthread_mutex_unlock(&one_at_a_time);
    atomic_fetch_sub(&waiting, 1);
    return ok == 1 ? 0 : app_fail(err, APP_INTERNAL, "password: scrypt failed");
}

int password_hash(struct arena *a, struct text password, int log2_n, struct issuer_password *ret,
                  struct app_error *err)
{
    unsigned char *salt = arena_alloc(a, SALT_BYTES), *hash = arena_alloc(a, HASH_BYTES);
    struct issuer_password p = {.n = INT64_C(1) << log2_n, .r = 8, .p = 1};

    if (!salt || !hash || RAND_bytes(salt, SALT_BYTES) != 1)
        return app_fail(err, APP_INTERNAL, "password: no memory or no random bytes");
    p.salt = (struct text){(const char *)salt, SALT_BYTES};
    p.hash = (struct text){(const char *)hash, HASH_BYTES};
    if (!is_sane(&p))
        return app_fail(err, APP_INTERNAL, "password: parameters");
    if (derive(password, &p, hash, err) < 0)
        return -1;
    *ret = p;
    return 0;
}

int password_check(struct text password, const struct issuer_password *stored, bool *ret_is_right,
                   struct app_error *err)
{
    unsigned char hash[HASH_BYTES];

    if (!is_sane(stored))
        return app_fail(err, APP_INTERNAL, "password: stored parameters out of bounds");
    if (derive(password, stored, hash, err) < 0)
        return -1;
    *ret_is_right = CRYPTO_memcmp(hash, stored->hash.p, HASH_BYTES) == 0;
    OPENSSL_cleanse(hash, sizeof hash);
    return 0;
}

int issuer_hash_password(struct arena *a, struct text password, struct issuer_password *ret,
                         struct app_error *err)
{
    if (password.len < PASSWORD_MIN_BYTES || password.len > PASSWORD_MAX_BYTES)
        return app_fail_text(err, APP_BAD_REQUEST, "a password has %d to %d bytes",
                             PASSWORD_MIN_BYTES, PASSWORD_MAX_BYTES);
    return password_hash(a, password, 15, ret, err);
}
