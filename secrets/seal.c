/* SPDX-License-Identifier: Apache-2.0 */
#include "seal.h"

#include "cleanup.h"

#include <limits.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

/* The version keeps a later format apart; the NULs keep path and key id apart. */
static const char format[] = "cp-portal sealed row 1";

static void cipher_free_p(EVP_CIPHER_CTX **c)
{
    EVP_CIPHER_CTX_free(*c);
}

static int add_aad(EVP_CIPHER_CTX *c, struct text path, const struct seal_key *key)
{
    int len;

    return EVP_CipherUpdate(c, NULL, &len, (const unsigned char *)format, sizeof format) == 1 &&
           EVP_CipherUpdate(c, NULL, &len, (const unsigned char *)path.p, (int)path.len) == 1 &&
           EVP_CipherUpdate(c, NULL, &len, (const unsigned char *)"", 1) == 1 &&
           EVP_CipherUpdate(c, NULL, &len, (const unsigned char *)key->id, (int)strlen(key->id)) ==
               1;
}

/* @p out may be written also when -1 is returned. */
static int run(EVP_CIPHER_CTX *c, struct text in, unsigned char *out)
{
    int len = 0, last = 0;

    if (in.len && EVP_CipherUpdate(c, out, &len, (const unsigned char *)in.p, (int)in.len) != 1)
        return -1;
    return EVP_CipherFinal_ex(c, out + len, &last) == 1 ? 0 : -1;
}

int seal(const struct seal_key *key, struct text path, struct text value,
         unsigned char ret_nonce[SEAL_NONCE_BYTES], unsigned char *ret_sealed,
         struct app_error *err)
{
    EVP_CIPHER_CTX *c AUTO(cipher_free_p) = EVP_CIPHER_CTX_new();

    if (!c || value.len > INT_MAX || RAND_bytes(ret_nonce, SEAL_NONCE_BYTES) != 1 ||
        EVP_CipherInit_ex(c, EVP_aes_256_gcm(), NULL, key->bytes, ret_nonce, 1) != 1 ||
        !add_aad(c, path, key) || run(c, value, ret_sealed) < 0 ||
        EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, SEAL_TAG_BYTES, ret_sealed + value.len) != 1)
        return app_fail(err, APP_INTERNAL, "a secret could not be sealed");
    return 0;
}

static int open_with(EVP_CIPHER_CTX *c, const struct seal_key *key, struct text path,
                     struct text nonce, struct text sealed, unsigned char *ret_value)
{
    struct text body = {sealed.p, sealed.len - SEAL_TAG_BYTES};
    void *tag = (void *)(sealed.p + body.len); /* only read by the library */

    if (EVP_CipherInit_ex(c, EVP_aes_256_gcm(), NULL, key->bytes, (const unsigned char *)nonce.p,
                          0) != 1 ||
        !add_aad(c, path, key) ||
        EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, SEAL_TAG_BYTES, tag) != 1 ||
        run(c, body, ret_value) < 0) {
        OPENSSL_cleanse(ret_value, body.len);
        return -1;
    }
    return 0;
}

int seal_open(const struct seal_key *key, struct text path, struct text nonce, struct text sealed,
              unsigned char *ret_value)
{
    EVP_CIPHER_CTX *c AUTO(cipher_free_p) = EVP_CIPHER_CTX_new();

    if (!c || nonce.len != SEAL_NONCE_BYTES || sealed.len < SEAL_TAG_BYTES || sealed.len > INT_MAX)
        return -1;
    return open_with(c, key, path, nonce, sealed, ret_value);
}
