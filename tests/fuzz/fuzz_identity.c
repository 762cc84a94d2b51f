/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a token, a key set or a form body; the first byte chooses. Properties: what is
 * refused is refused with the right code, what is taken is within its limits, and no token passes
 * that nobody signed.
 */
#include "cleanup.h"
#include "form.h"
#include "jwks.h"
#include "jws.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_token(struct arena *a, struct text in)
{
    unsigned char key[JWS_HS512_KEY_MIN_BYTES] = {7};
    struct app_error err = {0};
    struct jws j;

    if (jws_parse(a, in, &j, &err) < 0) {
        assert(err.code == APP_TOKEN_INVALID);
        return;
    }
    assert(in.len <= JWS_MAX_BYTES && j.signing_input.len < in.len && j.signature_len > 0);
    assert(!j.kid || (j.kid[0] && strlen(j.kid) <= JWS_KID_MAX_BYTES));
    assert(jws_verify_hs512(&j, (struct text){(const char *)key, sizeof key}, &err) < 0);
    json_decref(jws_claims(&j, &err));
}

static void try_keys(struct text in)
{
    struct jwk *keys[JWKS_KEYS_MAX] = {NULL};
    struct app_error err = {0};
    int count = jwks_parse(in, keys, &err);

    assert(count <= JWKS_KEYS_MAX && count != 0);
    assert(count > 0 || err.code == APP_UPSTREAM_BROKEN);
    for (int i = 0; i < count; i++) {
        assert(jws_is_rsa_ok(jwk_key(keys[i])));
        jwk_unref(keys[i]);
    }
}

static void try_form(struct arena *a, struct text in)
{
    struct app_error err = {0};
    struct form f;

    if (form_parse(a, in, &f, &err) < 0) {
        assert(err.code == APP_BAD_REQUEST);
        return;
    }
    assert(f.count <= FORM_FIELDS_MAX);
    for (size_t i = 0; i < f.count; i++)
        assert(form_get(&f, f.fields[i].name) == f.fields[i].value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(1048576);
    struct text in;

    if (!a || size < 1)
        return 0;
    in = (struct text){(const char *)data + 1, size - 1};
    if (data[0] % 3 == 0)
        try_token(a, in);
    else if (data[0] % 3 == 1)
        try_keys(in);
    else
        try_form(a, in);
    return 0;
}
