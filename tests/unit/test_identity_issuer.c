/* SPDX-License-Identifier: Apache-2.0 */
/* The built-in issuer on a store in memory, and its tokens as the verifier sees them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cleanup.h"
#include "clock.h"
#include "codec.h"
#include "issuer.h"
#include "json.h"
#include "password.h"
#include "token.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define NOW_S INT64_C(1800000000)
#define BASE "https://portal.example.test"
#define TOKENS_MAX 256
#define RIGHT "right horse + battery"
#define RIGHT_FORM "right+horse+%2B+battery"

/* --- a store in memory
 * ------------------------------------------------------------------------------------------- */

struct stored {
    struct issuer_refresh t;
    char session[64], account[64], client[64];
};

struct memory {
    pthread_mutex_t lock;
    struct issuer_account accounts[3];
    struct stored tokens[TOKENS_MAX];
    int count;
    bool is_down;
    atomic_int lookups;
    pthread_barrier_t *meet; /* get_refresh waits here: two callers then hold the same token */
};

static void guess_inside(void);

static struct memory store;
static struct issuer *is;
static struct arena *arena;
static int64_t now_s;

static int down(struct app_error *err)
{
    return app_fail(err, APP_DATABASE, "the store is down");
}

static int find_account(struct memory *m, const char *name, const char *id,
                        struct issuer_account *ret, struct app_error *err)
{
    atomic_fetch_add(&m->lookups, 1);
    if (m->is_down)
        return down(err);
    for (size_t i = 0; i < ARRAY_LEN(m->accounts); i++)
        if ((name && strcmp(m->accounts[i].username, name) == 0) ||
            (id && strcmp(m->accounts[i].id, id) == 0)) {
            *ret = m->accounts[i];
            return 0;
        }
    return app_fail(err, APP_NOT_FOUND, "no account");
}

static int by_username(void *ctx, struct arena *a, const char *username, struct issuer_account *ret,
                       struct app_error *err)
{
    (void)a;
    guess_inside();
    return find_account(ctx, username, NULL, ret, err);
}

static int by_id(void *ctx, struct arena *a, const char *id, struct issuer_account *ret,
                 struct app_error *err)
{
    (void)a;
    return find_account(ctx, NULL, id, ret, err);
}

static int put_refresh(void *ctx, const struct issuer_refresh *token, struct app_error *err)
{
    struct memory *m = ctx;
    struct stored *s;

    if (m->is_down)
        return down(err);
    pthread_mutex_lock(&m->lock);
    assert_true(m->count < TOKENS_MAX);
    s = &m->tokens[m->count++];
    s->t = *token;
    snprintf(s->session, sizeof s->session, "%s", token->session_id);
    snprintf(s->account, sizeof s->account, "%s", token->account_id);
    snprintf(s->client, sizeof s->client, "%s", token->client_id);
    s->t.session_id = s->session;
    s->t.account_id = s->account;
    s->t.client_id = s->client;
    pthread_mutex_unlock(&m->lock);
    return 0;
}

static struct stored *find_token(struct memory *m, const unsigned char *sha256)
{
    for (int i = 0; i < m->count; i++)
        if (memcmp(m->tokens[i].t.sha256, sha256, ISSUER_SHA256_BYTES) == 0)
            return &m->tokens[i];
    return NULL;
}

static int get_refresh(void *ctx, struct arena *a, const unsigned char *sha256,
                       struct issuer_refresh *ret, struct app_error *err)
{
    struct memory *m = ctx;
    struct stored *s;

    (void)a;
    if (m->is_down)
        return down(err);
    pthread_mutex_lock(&m->lock);
    s = find_token(m, sha256);
    if (s)
        *ret = s->t;
    pthread_mutex_unlock(&m->lock);
    if (m->meet)
        pthread_barrier_wait(m->meet);
    return s ? 0 : app_fail(err, APP_NOT_FOUND, "no token");
}

static int consume_refresh(void *ctx, const unsigned char *sha256, int64_t at_s,
                           bool *ret_was_valid, struct app_error *err)
{
    struct memory *m = ctx;
    struct stored *s;

    (void)err;
    pthread_mutex_lock(&m->lock);
    s = find_token(m, sha256);
    *ret_was_valid = s && !s->t.is_used && s->t.expires_s > at_s;
    if (s)
        s->t.is_used = true;
    pthread_mutex_unlock(&m->lock);
    return 0;
}

static int revoke_session(void *ctx, const char *session_id, struct app_error *err)
{
    struct memory *m = ctx;

    (void)err;
    pthread_mutex_lock(&m->lock);
    for (int i = 0; i < m->count; i++)
        if (strcmp(m->tokens[i].session, session_id) == 0)
            m->tokens[i].t.is_used = true;
    pthread_mutex_unlock(&m->lock);
    return 0;
}

/* --- fixture
 * -----------------------------------------------------------------------------------------------------
 */

static void add_key(struct issuer *to, char kid[ISSUER_KEY_ID_BYTES])
{
    struct arena *a = arena_create(65536);
    struct app_error err = {0};
    struct text pem;

    assert_int_equal(issuer_generate_key(a, &pem, kid, &err), 0);
    assert_int_equal(issuer_add_key(to, pem, now_s, &err), 0);
    arena_destroy(a);
}

static char first_kid[ISSUER_KEY_ID_BYTES];
static struct text first_pem;

/* Cheap parameters and one key for all tests: the full price is paid in one test only. */
static int set_up_all(void **state)
{
    struct arena *keep = arena_create(65536);
    struct issuer_password password;

    assert_int_equal(password_hash(keep, TEXT(RIGHT), 10, &password, NULL), 0);
    assert_int_equal(issuer_generate_key(keep, &first_pem, first_kid, NULL), 0);
    store.accounts[0] =
        (struct issuer_account){"id-admin", "admin", password, "cp-cluster-admin-role  x", true};
    store.accounts[1] = (struct issuer_account){"id-gone", "gone", password, "", false};
    store.accounts[2] = (struct issuer_account){"id-odd", "odd", password, "", true};
    store.accounts[2].password.n = INT64_C(1) << 30; /* a row that asks for a terabyte */
    *state = keep;
    return 0;
}

static int tear_down_all(void **state)
{
    arena_destroy(*state);
    return 0;
}

static int set_up(void **state)
{
    struct issuer_config config = {
        .base_url = BASE, .realm = "cp-realm", .client_id = "cp-client", .scrypt_log2_n = 10};
    struct issuer_store s = {&store,      by_username,     by_id,         put_refresh,
                             get_refresh, consume_refresh, revoke_session};

    (void)state;
    pthread_mutex_init(&store.lock, NULL);
    store.count = 0;
    store.is_down = false;
    store.meet = NULL;
    now_s = NOW_S;
    arena = arena_create(4194304);
    is = issuer_create(&config, &s, NULL);
    assert_non_null(is);
    assert_int_equal(issuer_add_key(is, first_pem, now_s, NULL), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    issuer_destroy(is);
    arena_destroy(arena);
    pthread_mutex_destroy(&store.lock);
    return 0;
}

static struct issuer_answer ask_as(const char *form, const char *peer)
{
    struct issuer_token_input in = {text_of(form), peer, now_s};
    struct issuer_answer answer = {0};

    issuer_token_request(is, &in, arena, &answer);
    return answer;
}

static struct issuer_answer ask(const char *form)
{
    return ask_as(form, "192.0.2.1");
}

static const char *member(const struct issuer_answer *answer, const char *name)
{
    json_auto_t *doc = json_parse(answer->json, strlen(answer->json), false, NULL);

    assert_true(json_is_object(doc));
    return arena_strdup(arena, json_str_or(doc, name, ""));
}

static void expect_error(const char *form, int status, const char *code)
{
    struct issuer_answer answer = ask(form);

    if (answer.http_status != status || strcmp(member(&answer, "error"), code) != 0)
        fail_msg("%s: %d %s", form, answer.http_status, answer.json);
    assert_non_null(answer.log_detail);
}

#define SIGN_IN                                                                                    \
    "grant_type=password&client_id=cp-client&username=admin&scope=openid&password=" RIGHT_FORM

static struct issuer_answer sign_in(void)
{
    struct issuer_answer answer = ask(SIGN_IN);

    assert_int_equal(answer.http_status, 200);
    return answer;
}

static struct issuer_answer refresh_with(const char *token)
{
    return ask(arena_printf(arena, "grant_type=refresh_token&client_id=cp-client&refresh_token=%s",
                            token));
}

static json_t *segment(const char *token, int index)
{
    unsigned char *bytes;
    size_t len;

    for (; index > 0; index--)
        token = strchr(token, '.') + 1;
    assert_int_equal(b64url_decode(arena, (struct text){token, strcspn(token, ".")}, &bytes, &len),
                     0);
    return json_parse((char *)bytes, len, false, NULL);
}

/* --- errors first
 * ------------------------------------------------------------------------------------------------
 */

static void malformed_requests_are_refused(void **state)
{
    static const struct {
        const char *form;
        int status;
        const char *code;
    } rows[] = {
        {"",                                                             400, "invalid_request"       },
        {"client_id=cp-client",                                          400, "invalid_request"       },
        {"grant_type=&client_id=cp-client",                              400, "invalid_request"       },
        {"grant_type=password&grant_type=password&client_id=cp-client",  400, "invalid_request"       },
        {"grant_type=password&client_id=cp-client&client_id=cp-client",  400, "invalid_request"       },
        {"grant_type=password&client_id=%zz",                            400, "invalid_request"       },
        {"grant_type=password&client_id=cp-client%00",                   400, "invalid_request"       },
        {"grant_type=password&client_id=cp-client&x=%ff",                400, "invalid_request"       },
        {"grant_type=password&&client_id=cp-client",                     400, "invalid_request"       },
        {"=x&grant_type=password",                                       400, "invalid_request"       },
        {"grant_type=password",                                          401, "invalid_client"        },
        {"grant_type=password&client_id=other",                          401, "invalid_client"        },
        {"grant_type=password&client_id=CP-CLIENT",                      401, "invalid_client"        },
        {"grant_type=password&client_id=cp-client",                      400, "invalid_request"       },
        {"grant_type=password&client_id=cp-client&username=admin",       400, "invalid_request"       },
        {"grant_type=password&client_id=cp-client&password=x",           400, "invalid_request"       },
        {"grant_type=password&client_id=cp-client&username=&password=x", 400, "invalid_request"       },
        {"grant_type=refresh_token&client_id=cp-client",                 400, "invalid_request"       },
        {"grant_type=refresh_token&client_id=cp-client&refresh_token=",  400, "invalid_request"       },
        {"grant_type=refresh_token&client_id=cp-client&refresh_token=x", 400, "invalid_grant"         },
        {"grant_type=client_credentials&client_id=cp-client",            400, "unsupported_grant_type"},
        {"grant_type=authorization_code&client_id=cp-client",            400, "unsupported_grant_type"},
        {"grant_type=PASSWORD&client_id=cp-client",                      400, "unsupported_grant_type"},
    };
    char *wide = arena_alloc(arena, ISSUER_FORM_MAX_BYTES + 2);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        expect_error(rows[i].form, rows[i].status, rows[i].code);
    memset(wide, 'x', ISSUER_FORM_MAX_BYTES + 1);
    expect_error(wide, 400, "invalid_request");
}

static void wrong_and_unknown_look_the_same(void **state)
{
    struct issuer_answer wrong =
        ask("grant_type=password&client_id=cp-client&username=admin&password=wrong");
    int lookups = atomic_load(&store.lookups);
    struct issuer_answer unknown =
        ask("grant_type=password&client_id=cp-client&username=nobody&password=nobody");

    (void)state;
    assert_int_equal(wrong.http_status, 400);
    assert_int_equal(unknown.http_status, 400);
    assert_string_equal(wrong.json, unknown.json);
    assert_string_equal(member(&wrong, "error"), "invalid_grant");
    assert_int_equal(atomic_load(&store.lookups), lookups + 1);
    assert_int_equal(store.count, 0);
}

/* the quickest of a few, so that a busy machine does not decide */
static int64_t time_of_guess_us(const char *username)
{
    int64_t best = INT64_MAX;

    for (int i = 0; i < 4; i++) {
        int64_t began = clock_mono_us(), took;

        ask(arena_printf(arena, "grant_type=password&client_id=cp-client&username=%s&password=x",
                         username));
        took = clock_mono_us() - began;
        best = took < best ? took : best;
    }
    return best;
}

static void an_unknown_user_costs_the_same_work(void **state)
{
    (void)state;
    assert_true(time_of_guess_us("nobody") > time_of_guess_us("admin") / 3);
}

static void a_disabled_account_gets_nothing(void **state)
{
    (void)state;
    expect_error("grant_type=password&client_id=cp-client&username=gone&password=" RIGHT_FORM, 400,
                 "invalid_grant");
    assert_int_equal(store.count, 0);
}

static void a_row_cannot_ask_for_a_terabyte(void **state)
{
    (void)state;
    expect_error("grant_type=password&client_id=cp-client&username=odd&password=" RIGHT_FORM, 503,
                 "temporarily_unavailable");
}

static void a_store_that_is_down_is_no_refusal(void **state)
{
    struct issuer_answer answer = sign_in();
    const char *token = member(&answer, "refresh_token");

    (void)state;
    store.is_down = true;
    expect_error(SIGN_IN, 503, "temporarily_unavailable");
    answer = refresh_with(token);
    assert_int_equal(answer.http_status, 503);
    assert_int_equal(answer.retry_after_s, 1);
    store.is_down = false;
    assert_int_equal(refresh_with(token).http_status, 200);
}

static void guessing_is_slowed_down(void **state)
{
    static const char wrong[] =
        "grant_type=password&client_id=cp-client&username=admin&password=wrong";
    struct issuer_answer answer;

    (void)state;
    for (int i = 0; i < 5; i++)
        expect_error(wrong, 400, "invalid_grant");
    expect_error(wrong, 429, "slow_down");
    answer = ask(SIGN_IN); /* the right password does not help before the time is over */
    assert_int_equal(answer.http_status, 429);
    assert_int_equal(answer.retry_after_s, 1);
    expect_error("grant_type=password&client_id=cp-client&username=ADMIN&password=wrong", 429,
                 "slow_down");
    assert_int_equal(ask_as(SIGN_IN, "192.0.2.2").http_status,
                     200); /* another peer is not held up */
    now_s += 1;
    expect_error(wrong, 400, "invalid_grant");
    now_s += 1;
    expect_error(wrong, 429, "slow_down"); /* the wait has doubled */
    now_s += 1;
    assert_int_equal(ask(SIGN_IN).http_status, 200);
    expect_error(wrong, 400, "invalid_grant"); /* and is forgotten */
}

static const char wrong_guess[] =
    "grant_type=password&client_id=cp-client&username=admin&password=wrong";
static int inside_left, inside_slowed;

/* While one guess is being looked up the next one is made, and so on. */
static void guess_inside(void)
{
    if (inside_left == 0)
        return;
    inside_left--;
    if (ask(wrong_guess).http_status == 429)
        inside_slowed++;
}

static void guesses_at_the_same_time_are_slowed_down(void **state)
{
    (void)state;
    inside_slowed = 0;
    inside_left = 9;
    expect_error(wrong_guess, 400, "invalid_grant");
    assert_int_equal(inside_slowed, 1); /* the sixth, and nobody came after it */
    assert_int_equal(inside_left, 4);
    inside_left = 0;
    expect_error(wrong_guess, 429, "slow_down");
}

static void what_was_not_judged_is_no_guess(void **state)
{
    (void)state;
    store.is_down = true;
    for (int i = 0; i < 8; i++)
        expect_error(SIGN_IN, 503, "temporarily_unavailable");
    store.is_down = false;
    assert_int_equal(ask(SIGN_IN).http_status, 200);
}

static void a_new_password_gets_the_full_price(void **state)
{
    struct issuer_password p, q;
    bool is_right = false;

    (void)state;
    assert_int_equal(issuer_hash_password(arena, TEXT(RIGHT), &p, NULL), 0);
    assert_int_equal(p.n, 32768);
    assert_int_equal(p.r, 8);
    assert_int_equal(p.p, 1);
    assert_int_equal(password_hash(arena, TEXT(RIGHT), 10, &q, NULL), 0);
    assert_false(text_eq(p.salt, q.salt));
    assert_int_equal(password_check(TEXT(RIGHT), &p, &is_right, NULL), 0);
    assert_true(is_right);
    assert_int_equal(password_check(TEXT("right horse"), &p, &is_right, NULL), 0);
    assert_false(is_right);
}

static void passwords_have_a_length(void **state)
{
    struct issuer_password p;
    struct app_error err = {0};
    char *wide = arena_alloc(arena, 1026);

    (void)state;
    memset(wide, 'x', 1025);
    assert_int_equal(issuer_hash_password(arena, TEXT("seven77"), &p, &err), -1);
    assert_int_equal(err.code, APP_BAD_REQUEST);
    assert_int_equal(issuer_hash_password(arena, text_of(wide), &p, &err), -1);
    expect_error(arena_printf(arena,
                              "grant_type=password&client_id=cp-client&username=admin&password=%s",
                              wide),
                 400, "invalid_request");
}

/* --- tokens
 * ------------------------------------------------------------------------------------------------------
 */

static void an_access_token_is_shaped_like_keycloaks(void **state)
{
    struct issuer_answer answer = sign_in();
    const char *token = member(&answer, "access_token");
    json_auto_t *header = segment(token, 0), *claims = segment(token, 1), *roles = NULL;
    int64_t exp = 0, iat = 0, auth_time = 0;

    (void)state;
    roles = json_pack("{s:[ss]}", "roles", "cp-cluster-admin-role", "x");
    assert_string_equal(json_str_or(header, "alg", ""), "RS256");
    assert_string_equal(json_str_or(header, "typ", ""), "JWT");
    assert_string_equal(json_str_or(header, "kid", ""), first_kid);
    assert_true(json_int(claims, "exp", &exp) && json_int(claims, "iat", &iat) &&
                json_int(claims, "auth_time", &auth_time));
    assert_int_equal(iat, NOW_S);
    assert_int_equal(auth_time, NOW_S);
    assert_int_equal(exp, NOW_S + 300);
    assert_string_equal(json_str_or(claims, "iss", ""), BASE "/realms/cp-realm");
    assert_string_equal(json_str_or(claims, "sub", ""), "id-admin");
    assert_string_equal(json_str_or(claims, "typ", ""), "Bearer");
    assert_string_equal(json_str_or(claims, "azp", ""), "cp-client");
    assert_string_equal(json_str_or(claims, "preferred_username", ""), "admin");
    assert_int_equal(strlen(json_str_or(claims, "jti", "")), 36);
    assert_string_equal(json_str_or(claims, "sid", ""), member(&answer, "session_state"));
    assert_true(json_equal(json_object_get(claims, "realm_access"), roles));
    assert_string_equal(member(&answer, "token_type"), "Bearer");
}

static void the_password_is_in_no_answer_and_no_token(void **state)
{
    struct issuer_answer good = sign_in();
    struct issuer_answer bad =
        ask("grant_type=password&client_id=cp-client&username=admin&password=secret-guess");

    (void)state;
    assert_null(strstr(good.json, "battery"));
    assert_null(strstr(bad.json, "secret-guess"));
    assert_null(strstr(bad.log_detail, "secret-guess"));
}

static void a_refresh_token_works_once(void **state)
{
    struct issuer_answer first = sign_in(), second, third;
    const char *old = member(&first, "refresh_token"), *fresh;

    (void)state;
    assert_int_equal(strlen(old), 43);
    now_s += 60;
    second = refresh_with(old);
    assert_int_equal(second.http_status, 200);
    fresh = member(&second, "refresh_token");
    assert_string_not_equal(fresh, old);
    assert_string_equal(member(&second, "session_state"), member(&first, "session_state"));
    third = refresh_with(old); /* reuse: somebody has stolen one of the two */
    assert_int_equal(third.http_status, 400);
    assert_string_equal(member(&third, "error"), "invalid_grant");
    assert_int_equal(refresh_with(fresh).http_status, 400); /* the whole session is gone */
    assert_int_equal(sign_in().http_status, 200);
}

static void a_refreshed_token_keeps_the_time_of_the_password(void **state)
{
    struct issuer_answer answer = sign_in();
    json_auto_t *claims = NULL;
    int64_t auth_time = 0, iat = 0;

    (void)state;
    now_s += 60;
    answer = refresh_with(member(&answer, "refresh_token"));
    claims = segment(member(&answer, "access_token"), 1);
    assert_true(json_int(claims, "auth_time", &auth_time) && json_int(claims, "iat", &iat));
    assert_int_equal(auth_time, NOW_S);
    assert_int_equal(iat, NOW_S + 60);
}

static void refresh_ends_with_token_session_and_account(void **state)
{
    struct issuer_answer answer = sign_in();
    const char *token = member(&answer, "refresh_token");

    (void)state;
    now_s += 1800;
    assert_int_equal(refresh_with(token).http_status, 400);
    answer = sign_in();
    for (int i = 0; i < 24;
         i++) { /* refreshed every 25 minutes, for the ten hours a session lasts */
        now_s += 1499;
        answer = refresh_with(member(&answer, "refresh_token"));
        if (answer.http_status != 200)
            break;
    }
    assert_int_equal(answer.http_status, 200);
    now_s += 1499;
    assert_int_equal(refresh_with(member(&answer, "refresh_token")).http_status, 400);
    answer = sign_in();
    store.accounts[0].is_enabled = false;
    token = member(&answer, "refresh_token");
    assert_int_equal(refresh_with(token).http_status, 400);
    store.accounts[0].is_enabled = true;
}

struct racer {
    char form[256];
    int status;
    char fresh[64];
};

static void *race(void *arg)
{
    struct racer *r = arg;
    struct arena *a = arena_create(65536);
    struct issuer_token_input in = {text_of(r->form), "192.0.2.1", NOW_S};
    struct issuer_answer answer = {0};
    json_auto_t *doc = NULL;

    issuer_token_request(is, &in, a, &answer);
    r->status = answer.http_status;
    doc = json_loads(answer.json, 0, NULL);
    snprintf(r->fresh, sizeof r->fresh, "%s", json_str_or(doc, "refresh_token", ""));
    arena_destroy(a);
    return NULL;
}

static void of_two_that_use_one_token_none_keeps_a_session(void **state)
{
    struct issuer_answer answer = sign_in();
    pthread_barrier_t meet;
    struct racer racers[2];
    pthread_t threads[2];

    (void)state;
    pthread_barrier_init(&meet, NULL, 2);
    store.meet = &meet;
    for (int i = 0; i < 2; i++) {
        snprintf(racers[i].form, sizeof racers[i].form,
                 "grant_type=refresh_token&client_id=cp-client&refresh_token=%s",
                 member(&answer, "refresh_token"));
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    store.meet = NULL;
    pthread_barrier_destroy(&meet);
    assert_int_equal(racers[0].status + racers[1].status, 200 + 400);
    for (int i = 0; i < 2; i++)
        if (racers[i].status == 200)
            assert_int_equal(refresh_with(racers[i].fresh).http_status, 400);
    for (int i = 0; i < store.count; i++)
        assert_true(store.tokens[i].t.is_used);
}

static void only_digests_are_stored(void **state)
{
    struct issuer_answer answer = sign_in();
    const char *token = member(&answer, "refresh_token");
    unsigned char digest[32];

    (void)state;
    assert_int_equal(store.count, 1);
    assert_int_equal(EVP_Digest(token, strlen(token), digest, NULL, EVP_sha256(), NULL), 1);
    assert_memory_equal(store.tokens[0].t.sha256, digest, sizeof digest);
}

/* --- keys and documents
 * ------------------------------------------------------------------------------------------ */

static int64_t fixed_unix_s(void *ctx)
{
    (void)ctx;
    return now_s;
}

/* the verifier's view: discovery and key set come straight from the issuer */
static int from_issuer(void *ctx, const char *url, int64_t deadline_us, struct buf *ret,
                       struct app_error *err)
{
    struct arena *a = arena_create(65536);
    const char *text = NULL;
    int rc;

    (void)ctx, (void)deadline_us;
    if (strcmp(url, BASE "/realms/cp-realm/.well-known/openid-configuration") == 0)
        text = issuer_discovery(is, a);
    else if (strcmp(url, BASE "/realms/cp-realm/protocol/openid-connect/certs") == 0)
        text = issuer_jwks(is, a, now_s);
    rc = text ? buf_append_str(ret, text) : app_fail(err, APP_NOT_FOUND, "%s", url);
    arena_destroy(a);
    return rc;
}

static enum app_code verify(const char *access_token, struct principal *ret)
{
    static const char *const clients[] = {"cp-client"};
    struct identity_config config = {.issuer = BASE "/realms/cp-realm",
                                     .client_ids = clients,
                                     .client_id_count = 1,
                                     .super_admin_role = "cp-cluster-admin-role",
                                     .leeway_s = 30,
                                     .jwks_refresh_s = 300,
                                     .jwks_stale_s = 86400,
                                     .jwks_cooldown_s = 10,
                                     .max_token_life_s = 86400};
    struct identity_env env = {.fetch = from_issuer, .unix_s = fixed_unix_s};
    struct identity *id = identity_create_with(&config, &env, NULL);
    struct app_error err = {0};
    int rc = identity_verify(id, text_of(arena_printf(arena, "Bearer %s", access_token)),
                             clock_mono_us() + 5 * US_PER_S, arena, ret, &err);

    identity_destroy(id);
    return rc < 0 ? err.code : APP_OK;
}

static void the_verifier_accepts_its_tokens(void **state)
{
    struct issuer_answer answer = sign_in();
    struct principal p;

    (void)state;
    assert_int_equal(verify(member(&answer, "access_token"), &p), APP_OK);
    assert_string_equal(p.auth_id, "id-admin");
    assert_string_equal(p.user_id, "admin");
    assert_true(p.is_eligible_super_admin);
    assert_int_equal(verify(member(&answer, "refresh_token"), &p), APP_TOKEN_INVALID);
}

static void the_discovery_names_the_endpoints(void **state)
{
    const char *text = issuer_discovery(is, arena);
    json_auto_t *doc = json_parse(text, strlen(text), false, NULL);

    (void)state;
    assert_string_equal(json_str_or(doc, "issuer", ""), issuer_name(is));
    assert_string_equal(json_str_or(doc, "token_endpoint", ""),
                        BASE "/realms/cp-realm/protocol/openid-connect/token");
    assert_string_equal(json_str_or(doc, "jwks_uri", ""),
                        BASE "/realms/cp-realm/protocol/openid-connect/certs");
}

static size_t published(void)
{
    const char *text = issuer_jwks(is, arena, now_s);
    json_auto_t *doc = json_parse(text, strlen(text), false, NULL);

    assert_null(strstr(text, "\"d\"")); /* never the private part */
    assert_null(strstr(text, "\"p\""));
    return json_array_size(json_object_get(doc, "keys"));
}

static const char *kid_in_use(void)
{
    struct issuer_answer answer = sign_in();
    json_auto_t *header = segment(member(&answer, "access_token"), 0);

    return arena_strdup(arena, json_str_or(header, "kid", ""));
}

static void a_new_key_is_published_before_it_signs(void **state)
{
    struct issuer_answer answer = sign_in();
    char second_kid[ISSUER_KEY_ID_BYTES];
    struct principal p;

    (void)state;
    add_key(is, second_kid);
    assert_int_equal(published(), 2);
    assert_string_equal(kid_in_use(), first_kid);
    now_s += ISSUER_KEY_DELAY_S;
    assert_string_equal(kid_in_use(), second_kid);
    assert_int_equal(verify(member(&answer, "access_token"), &p), APP_OK);
    now_s += 300; /* the last token of the first key has expired, but for the leeway */
    assert_int_equal(published(), 2);
    now_s += 60;
    assert_int_equal(published(), 1);
    assert_string_equal(kid_in_use(), second_kid);
}

static void bad_keys_are_refused(void **state)
{
    struct app_error err = {0};

    (void)state;
    assert_int_equal(issuer_add_key(is, TEXT(""), now_s, &err), -1);
    assert_int_equal(issuer_add_key(is, TEXT("-----BEGIN PRIVATE KEY-----\nx\n"), now_s, &err), -1);
    assert_int_equal(err.code, APP_INTERNAL);
    assert_int_equal(published(), 1);
}

static void keys_are_bounded_and_never_twice(void **state)
{
    char kid[ISSUER_KEY_ID_BYTES];
    struct app_error err = {0};
    struct text pem;

    (void)state;
    assert_int_equal(issuer_generate_key(arena, &pem, kid, &err), 0);
    assert_int_equal(issuer_add_key(is, pem, now_s, &err), 0);
    assert_int_equal(issuer_add_key(is, pem, now_s, &err), 0);
    assert_int_equal(published(), 2);
    for (int i = 2; i < 8; i++)
        add_key(is, kid);
    assert_int_equal(issuer_generate_key(arena, &pem, kid, &err), 0);
    assert_int_equal(issuer_add_key(is, pem, now_s, &err), -1);
    assert_int_equal(published(), 8);
}

static void without_a_key_there_are_no_tokens(void **state)
{
    struct issuer_config config = {
        .base_url = BASE, .realm = "r", .client_id = "cp-client", .scrypt_log2_n = 10};
    struct issuer_store s = {&store,      by_username,     by_id,         put_refresh,
                             get_refresh, consume_refresh, revoke_session};
    struct issuer *kept = is;

    (void)state;
    is = issuer_create(&config, &s, NULL);
    expect_error(SIGN_IN, 503, "temporarily_unavailable");
    assert_int_equal(published(), 0);
    issuer_destroy(is);
    is = kept;
}

#define ISSUER_TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ISSUER_TEST(malformed_requests_are_refused),
        ISSUER_TEST(wrong_and_unknown_look_the_same),
        ISSUER_TEST(an_unknown_user_costs_the_same_work),
        ISSUER_TEST(a_disabled_account_gets_nothing),
        ISSUER_TEST(a_row_cannot_ask_for_a_terabyte),
        ISSUER_TEST(a_store_that_is_down_is_no_refusal),
        ISSUER_TEST(guessing_is_slowed_down),
        ISSUER_TEST(guesses_at_the_same_time_are_slowed_down),
        ISSUER_TEST(what_was_not_judged_is_no_guess),
        ISSUER_TEST(a_new_password_gets_the_full_price),
        ISSUER_TEST(passwords_have_a_length),
        ISSUER_TEST(an_access_token_is_shaped_like_keycloaks),
        ISSUER_TEST(the_password_is_in_no_answer_and_no_token),
        ISSUER_TEST(a_refresh_token_works_once),
        ISSUER_TEST(a_refreshed_token_keeps_the_time_of_the_password),
        ISSUER_TEST(refresh_ends_with_token_session_and_account),
        ISSUER_TEST(of_two_that_use_one_token_none_keeps_a_session),
        ISSUER_TEST(only_digests_are_stored),
        ISSUER_TEST(the_verifier_accepts_its_tokens),
        ISSUER_TEST(the_discovery_names_the_endpoints),
        ISSUER_TEST(a_new_key_is_published_before_it_signs),
        ISSUER_TEST(bad_keys_are_refused),
        ISSUER_TEST(keys_are_bounded_and_never_twice),
        ISSUER_TEST(without_a_key_there_are_no_tokens),
    };

    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
