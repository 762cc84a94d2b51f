/* SPDX-License-Identifier: Apache-2.0 */
#include "token_maker.h"

#include "buf.h"
#include "cleanup.h"
#include "codec.h"

#include <assert.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <string.h>

#define MAKER_MAX_BYTES (268435456)

void token_maker_init(struct token_maker *m, int64_t now_s)
{
    json_error_t why;

    *m = (struct token_maker){.now_s = now_s, .a = arena_create(MAKER_MAX_BYTES)};
    m->sig = EVP_RSA_gen(2048);
    m->enc = EVP_RSA_gen(2048);
    m->other = EVP_RSA_gen(2048);
    m->ec = EVP_EC_gen("P-256");
    assert(m->a && m->sig && m->enc && m->other && m->ec);
    assert(RAND_bytes(m->portal_key, sizeof m->portal_key) == 1);
    m->rows =
        json_load_file(CP_SOURCE_DIR "/tests/integration/bad_tokens.json", JSON_ALLOW_NUL, &why);
    assert(json_array_size(m->rows) > 0);
}

void token_maker_finish(struct token_maker *m)
{
    EVP_PKEY_free(m->sig);
    EVP_PKEY_free(m->enc);
    EVP_PKEY_free(m->other);
    EVP_PKEY_free(m->ec);
    json_decref(m->rows);
    arena_destroy(m->a);
}

/* --- texts
 * -------------------------------------------------------------------------------------------------------
 */

static char *number64(struct token_maker *m, EVP_PKEY *key, const char *name)
{
    BIGNUM *n = NULL;
    unsigned char bytes[1024];
    char *text;

    assert(EVP_PKEY_get_bn_param(key, name, &n) == 1);
    text = b64url_encode(m->a, bytes, (size_t)BN_bn2bin(n, bytes));
    BN_free(n);
    return text;
}

char *token_maker_jwk(struct token_maker *m, EVP_PKEY *key, const char *kid, const char *use)
{
    char *member = use ? arena_printf(m->a, "\"use\":\"%s\",", use) : arena_strdup(m->a, "");

    return arena_printf(m->a, "{\"kid\":\"%s\",\"kty\":\"RSA\",%s\"n\":\"%s\",\"e\":\"%s\"}", kid,
                        member, number64(m, key, OSSL_PKEY_PARAM_RSA_N),
                        number64(m, key, OSSL_PKEY_PARAM_RSA_E));
}

char *token_maker_pem(struct token_maker *m, EVP_PKEY *key)
{
    BIO *b = BIO_new(BIO_s_mem());
    char *p, *copy;
    long len;

    assert(b && PEM_write_bio_PUBKEY(b, key) == 1);
    len = BIO_get_mem_data(b, &p);
    copy = arena_strndup(m->a, p, (size_t)len);
    BIO_free(b);
    return copy;
}

static char *upper(struct token_maker *m, const char *s)
{
    char *copy = arena_strdup(m->a, s);

    for (char *p = copy; *p; p++)
        *p = (char)(*p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p);
    return copy;
}

/* the value of @name@ */
static const char *value_of(struct token_maker *m, struct text name, const char *token)
{
    const struct {
        const char *name, *value;
    } fixed[] = {
        {"KID",        MAKER_KID       },
        {"ENC_KID",    MAKER_ENC_KID   },
        {"PORTAL_KID", MAKER_PORTAL_KID},
        {"ISS",        MAKER_ISSUER    },
        {"CLIENT",     MAKER_CLIENT    },
        {"SUB",        MAKER_SUB       },
        {"USERNAME",   MAKER_USERNAME  },
        {"TOKEN",      token           }
    };
    char *number;

    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        if (text_eq_str(name, fixed[i].name))
            return fixed[i].value;
    if (text_eq_str(name, "ISS_UPPER"))
        return upper(m, MAKER_ISSUER);
    if (text_eq_str(name, "OTHER_JWK"))
        return token_maker_jwk(m, m->other, MAKER_KID, "sig");
    if (text_eq_str(name, "now_ms"))
        return arena_printf(m->a, "%lld000", (long long)m->now_s + 300);
    if (!text_starts_with(name, "now"))
        return NULL;
    number = arena_strndup(m->a, name.p + 3, name.len - 3);
    return arena_printf(m->a, "%lld", (long long)m->now_s + strtoll(number, NULL, 10));
}

static struct text fill_in(struct token_maker *m, const char *s, size_t len, const char *token)
{
    struct buf b AUTO(buf_finish_p) = BUF_INIT(1048576);

    for (size_t i = 0; i < len; i++) {
        const char *end = s[i] == '@' ? memchr(s + i + 1, '@', len - i - 1) : NULL;
        const char *value =
            end ? value_of(m, (struct text){s + i + 1, (size_t)(end - s) - i - 1}, token) : NULL;

        if (value) {
            buf_append_str(&b, value);
            i = (size_t)(end - s);
        } else {
            buf_append_char(&b, s[i]);
        }
    }
    assert(!buf_failed(&b));
    return (struct text){b.len ? arena_strndup(m->a, b.data, b.len) : "", b.len};
}

static struct text fill_in_json(struct token_maker *m, const json_t *s, const char *token)
{
    return fill_in(m, json_string_value(s), json_string_length(s), token);
}

/* --- claims
 * ------------------------------------------------------------------------------------------------------
 */

/* strings of the table: "@now+5@" becomes a number, other marks are filled in, also in arrays and
 * names */
static json_t *claim_of(struct token_maker *m, const json_t *v)
{
    json_t *ret;
    const json_t *item;
    const char *key;
    size_t i;

    if (json_is_string(v)) {
        struct text t = fill_in_json(m, v, "");

        if (strncmp(json_string_value(v), "@now", 4) == 0)
            return json_integer(strtoll(t.p, NULL, 10));
        return json_stringn(t.p, t.len);
    }
    if (json_is_array(v)) {
        ret = json_array();
        json_array_foreach (v, i, item)
            json_array_append_new(ret, claim_of(m, item));
        return ret;
    }
    if (!json_is_object(v))
        return json_deep_copy(v);
    ret = json_object();
    json_object_foreach ((json_t *)v, key, item) {
        json_object_set_new(ret, fill_in(m, key, strlen(key), "").p, claim_of(m, item));
    }
    return ret;
}

static json_t *usual_claims(const struct token_maker *m)
{
    return json_pack("{s:I, s:I, s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:{s:[s]}, s:s}", "exp",
                     (json_int_t)m->now_s + 300, "iat", (json_int_t)m->now_s, "auth_time",
                     (json_int_t)m->now_s, "jti", "j-1", "iss", MAKER_ISSUER, "sub", MAKER_SUB,
                     "typ", "Bearer", "azp", MAKER_CLIENT, "aud", MAKER_CLIENT, "realm_access",
                     "roles", "offline_access", "preferred_username", MAKER_USERNAME);
}

static json_t *claims_of(struct token_maker *m, const json_t *row)
{
    json_t *claims = usual_claims(m), *over = claim_of(m, json_object_get(row, "claims"));
    const json_t *name;
    size_t i;

    if (over)
        json_object_update(claims, over);
    json_decref(over);
    json_array_foreach (json_object_get(row, "remove"), i, name) {
        json_object_del(claims, json_string_value(name));
    }
    return claims;
}

static struct text dump(struct token_maker *m, json_t *json)
{
    char *s = json_dumps(json, JSON_COMPACT);
    struct text t = {arena_strdup(m->a, s), strlen(s)};

    free(s);
    json_decref(json);
    return t;
}

static struct text payload_of(struct token_maker *m, const json_t *row)
{
    const json_t *raw = json_object_get(row, "payload");
    struct text hex = text_of(json_string_value(json_object_get(row, "payload_hex")));
    unsigned char *bytes;

    if (raw)
        return fill_in_json(m, raw, "");
    if (!hex.p)
        return dump(m, claims_of(m, row));
    bytes = arena_alloc(m->a, hex.len / 2 + 1);
    assert(hex_decode(hex, bytes, hex.len / 2) == 0);
    return (struct text){(char *)bytes, hex.len / 2};
}

/* --- signatures
 * --------------------------------------------------------------------------------------------------
 */

enum signer { BY_KEY, BY_HMAC, BY_NOBODY };

struct signing {
    const char *name;
    enum signer signer;
    const char *digest;
    int key; /* BY_KEY: 0 sig, 1 enc, 2 other, 3 ec; BY_HMAC: 0 public PEM, 1 portal, 2 random, 3
                empty */
    int padding;
};

static const struct signing signings[] = {
    {"rs256",        BY_KEY,    "SHA256", 0, 0                    },
    {"rs384",        BY_KEY,    "SHA384", 0, 0                    },
    {"rs512",        BY_KEY,    "SHA512", 0, 0                    },
    {"ps256",        BY_KEY,    "SHA256", 0, RSA_PKCS1_PSS_PADDING},
    {"es256",        BY_KEY,    "SHA256", 3, 0                    },
    {"enc",          BY_KEY,    "SHA256", 1, 0                    },
    {"other",        BY_KEY,    "SHA256", 2, 0                    },
    {"hs256_pem",    BY_HMAC,   "SHA256", 0, 0                    },
    {"hs384_pem",    BY_HMAC,   "SHA384", 0, 0                    },
    {"hs512_pem",    BY_HMAC,   "SHA512", 0, 0                    },
    {"hs256_portal", BY_HMAC,   "SHA256", 1, 0                    },
    {"hs384_portal", BY_HMAC,   "SHA384", 1, 0                    },
    {"hs512_portal", BY_HMAC,   "SHA512", 1, 0                    },
    {"hs512_random", BY_HMAC,   "SHA512", 2, 0                    },
    {"hs512_empty",  BY_HMAC,   "SHA512", 3, 0                    },
    {"none",         BY_NOBODY, NULL,     0, 0                    },
};

static size_t sign_by_key(EVP_PKEY *key, const struct signing *how, struct text in,
                          unsigned char *ret, size_t size)
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pkey = NULL;

    assert(EVP_DigestSignInit_ex(c, &pkey, how->digest, NULL, NULL, key, NULL) == 1);
    if (how->padding)
        assert(EVP_PKEY_CTX_set_rsa_padding(pkey, how->padding) == 1 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(pkey, RSA_PSS_SALTLEN_DIGEST) == 1);
    assert(EVP_DigestSign(c, ret, &size, (const unsigned char *)in.p, in.len) == 1);
    EVP_MD_CTX_free(c);
    return size;
}

static size_t sign_by_hmac(struct token_maker *m, const struct signing *how, struct text in,
                           unsigned char *ret)
{
    unsigned char random[64];
    const struct text portal = {(const char *)m->portal_key, sizeof m->portal_key};
    const struct text keys[] = {
        text_of(token_maker_pem(m, m->sig)),
        portal,
        {(const char *)random, sizeof random},
        {"",                   0            }
    };
    unsigned len = 0;

    assert(RAND_bytes(random, sizeof random) == 1);
    assert(HMAC(EVP_get_digestbyname(how->digest), keys[how->key].p, (int)keys[how->key].len,
                (const unsigned char *)in.p, in.len, ret, &len));
    return len;
}

static char *sign(struct token_maker *m, const char *name, struct text in)
{
    EVP_PKEY *const keys[] = {m->sig, m->enc, m->other, m->ec};
    unsigned char bytes[1024];
    size_t len = 0;

    for (size_t i = 0; i < ARRAY_LEN(signings); i++) {
        const struct signing *how = &signings[i];

        if (strcmp(how->name, name) != 0)
            continue;
        if (how->signer == BY_KEY)
            len = sign_by_key(keys[how->key], how, in, bytes, sizeof bytes);
        else if (how->signer == BY_HMAC)
            len = sign_by_hmac(m, how, in, bytes);
        return b64url_encode(m->a, bytes, len);
    }
    fprintf(stderr, "unknown signing %s\n", name);
    abort();
}

/* --- mutations
 * ---------------------------------------------------------------------------------------------------
 */

/* the three segments of a token, changed in place or replaced */
struct parts {
    const char *header, *payload, *signature;
};

static char *join(struct token_maker *m, const struct parts *p)
{
    return arena_printf(m->a, "%s.%s.%s", p->header, p->payload, p->signature);
}

static char *flip(struct token_maker *m, const char *s)
{
    char *copy = arena_strdup(m->a, s);
    char *middle = copy + strlen(copy) / 2;

    *middle = *middle == 'A' ? 'B' : 'A';
    return copy;
}

static char *cut(struct token_maker *m, const char *s, size_t chars)
{
    return arena_strndup(m->a, s, strlen(s) - chars);
}

static const char *with_char_inside(struct token_maker *m, const struct parts *p, const char *what)
{
    size_t half = strlen(p->payload) / 2;
    struct parts q = {
        p->header, arena_printf(m->a, "%.*s%s%s", (int)half, p->payload, what, p->payload + half),
        p->signature};

    return join(m, &q);
}

/* 256 bytes are 341 characters and one with four unused bits: set one of them */
static char *noncanonical(struct token_maker *m, const char *signature)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char *copy = arena_strdup(m->a, signature);
    char *last = copy + strlen(copy) - 1;

    *last = digits[(strchr(digits, *last) - digits) | 1];
    return copy;
}

static char *plain_base64(struct token_maker *m, const char *s)
{
    char *copy = arena_strdup(m->a, s);

    for (char *p = copy; *p; p++)
        *p = *p == '-' ? '+' : *p == '_' ? '/' : *p;
    assert(strcmp(copy, s) != 0);
    return copy;
}

static const char *swapped_signature(struct token_maker *m)
{
    json_auto_t *other = json_pack("{s:s}", "jti", "j-2");

    return strrchr(token_maker_access(m, m->sig, MAKER_KID, other), '.') + 1;
}

#define SWAP_IN(condition, h, p_, s)                                                               \
    if (strcmp(how, condition) == 0)                                                               \
        return join(m, &(struct parts){h, p_, s});

static const char *mutate_part(struct token_maker *m, const char *how, const struct parts *p)
{
    const char *h = p->header, *b = p->payload, *s = p->signature;

    SWAP_IN("empty_header", "", b, s)
    SWAP_IN("empty_payload", h, "", s)
    SWAP_IN("empty_signature", h, b, "")
    SWAP_IN("pad_header", arena_printf(m->a, "%s=", h), b, s)
    SWAP_IN("pad_payload", h, arena_printf(m->a, "%s=", b), s)
    SWAP_IN("pad_signature", h, b, arena_printf(m->a, "%s==", s))
    SWAP_IN("noncanonical_signature", h, b, noncanonical(m, s))
    SWAP_IN("plain_base64", h, b, plain_base64(m, s))
    SWAP_IN("flip_header", flip(m, h), b, s)
    SWAP_IN("flip_payload", h, flip(m, b), s)
    SWAP_IN("flip_signature", h, b, flip(m, s))
    SWAP_IN("truncate_signature", h, b, cut(m, s, 4))
    SWAP_IN("extend_signature", h, b, arena_printf(m->a, "%sAAAA", s))
    SWAP_IN("zero_signature", h, b, b64url_encode(m->a, (unsigned char[256]){0}, 256))
    SWAP_IN("swap_signature", h, b, swapped_signature(m))
    return NULL;
}

static const char *mutate(struct token_maker *m, const char *how, const struct parts *p)
{
    const char *whole = join(m, p), *part = mutate_part(m, how, p);
    const struct {
        const char *name, *text;
    } others[] = {
        {"one_segment",       p->payload       },
        {              "two_segments",                arena_printf(m->a,                    "%s.%s", p->header, p->payload)},
        {   "four_segments",                                arena_printf(m->a,           "%s.%s", whole, p->signature)},
        {         "five_segments",arena_printf(m->a, "%s.%s.%s", whole, p->payload, p->signature)},
        {"leading_dot",                             arena_printf(m->a,                       ".%s", whole)},
        {                             "trailing_dot",             arena_printf(m->a,                              "%s.", whole)},
        { "double_dots", arena_printf(m->a,                              "%s..%s.%s", p->header, p->payload, p->signature)},
        {                              "blank_inside",                                          with_char_inside(m,                 p, " ")},
        {                 "percent_inside",                                              with_char_inside(m,p, "%2e")},
        { "truncate_token",cut(m,                                   whole, strlen(whole) / 3)},
    };

    for (size_t i = 0; i < ARRAY_LEN(others) && !part; i++)
        if (strcmp(others[i].name, how) == 0)
            part = others[i].text;
    assert(part);
    return part;
}

/* --- a whole token
 * -----------------------------------------------------------------------------------------------
 */

static const char *filler(struct token_maker *m, size_t count)
{
    char *s = arena_alloc(m->a, count + 1);

    memset(s, 'x', count);
    return s;
}

static struct text header_of(struct token_maker *m, const json_t *row)
{
    const json_t *raw = json_object_get(row, "header");
    size_t want = (size_t)json_integer_value(json_object_get(row, "grow_header"));
    static const char plain[] = "{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"" MAKER_KID "\"";
    char *grown;

    if (raw)
        return fill_in_json(m, raw, "");
    if (!want)
        return text_of(arena_printf(m->a, "%s}", plain));
    /* ,"x":"..."} */
    grown = arena_printf(m->a, "%s,\"x\":\"%s\"}", plain, filler(m, want - (sizeof plain - 1) - 8));
    assert(strlen(grown) == want);
    return text_of(grown);
}

static struct parts build(struct token_maker *m, const json_t *row, struct text header,
                          struct text payload)
{
    const char *how = json_string_value(json_object_get(row, "sign"));
    struct parts p = {b64url_encode(m->a, header.p, header.len),
                      b64url_encode(m->a, payload.p, payload.len), NULL};

    p.signature =
        sign(m, how ? how : "rs256", text_of(arena_printf(m->a, "%s.%s", p.header, p.payload)));
    return p;
}

static const char *with_extra(struct token_maker *m, const json_t *row, size_t extra)
{
    json_t *claims = claims_of(m, row);
    struct parts p;

    json_object_set_new(claims, "x", json_string(filler(m, extra)));
    p = build(m, row, header_of(m, row), dump(m, claims));
    return join(m, &p);
}

/* The payload grows to the last token of at most 16 KiB, or to the first one over it for @p want
 * beyond. */
static const char *grown(struct token_maker *m, const json_t *row, size_t want)
{
    size_t extra = (16384 - strlen(with_extra(m, row, 0))) / 4 * 3 - 8;
    const char *last = "", *token = with_extra(m, row, extra);

    assert(strlen(token) <= 16384);
    while (strlen(token) <= 16384) {
        last = token;
        token = with_extra(m, row, ++extra);
    }
    return want > 16384 ? token : last;
}

static const char *token_of(struct token_maker *m, const json_t *row)
{
    const char *how = json_string_value(json_object_get(row, "mutate"));
    size_t want = (size_t)json_integer_value(json_object_get(row, "grow_token"));
    struct parts p;

    if (want)
        return grown(m, row, want);
    p = build(m, row, header_of(m, row), payload_of(m, row));
    return how ? mutate(m, how, &p) : join(m, &p);
}

struct text token_maker_header(struct token_maker *m, const json_t *row)
{
    const json_t *form = json_object_get(row, "authorization");
    const char *token = token_of(m, row);

    return form ? fill_in_json(m, form, token) : text_of(arena_printf(m->a, "Bearer %s", token));
}

char *token_maker_access(struct token_maker *m, EVP_PKEY *key, const char *kid,
                         const json_t *claims)
{
    json_t *all = usual_claims(m);
    struct text payload;
    unsigned char bytes[1024];
    char *in;

    if (claims)
        json_object_update(all, (json_t *)claims);
    payload = dump(m, all);
    in = arena_printf(m->a, "{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"%s\"}", kid);
    in = arena_printf(m->a, "%s.%s", b64url_encode(m->a, in, strlen(in)),
                      b64url_encode(m->a, payload.p, payload.len));
    return arena_printf(
        m->a, "%s.%s", in,
        b64url_encode(m->a, bytes,
                      sign_by_key(key, &signings[0], text_of(in), bytes, sizeof bytes)));
}
