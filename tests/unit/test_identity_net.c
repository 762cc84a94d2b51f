/* SPDX-License-Identifier: Apache-2.0 */
/* Discovery and key set over the real outbound module, from a server in this program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cleanup.h"
#include "clock.h"
#include "net.h"
#include "token.h"
#include "token_maker.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CERTS_PATH "/realms/r/protocol/openid-connect/certs"
#define DISCOVERY_PATH "/realms/r/.well-known/openid-configuration"

enum manner { ANSWERS, FAILS, CUTS_SHORT, REDIRECTS, HANGS };

static struct {
    int listener;
    pthread_t thread;
    atomic_int manner, requests;
    char origin[64], issuer[96];
    const char *discovery, *keys;
} server;

static struct token_maker maker;
static struct net *net;

static void read_request(int fd, char *ret, size_t size)
{
    size_t len = 0;

    ret[0] = '\0';
    while (len + 1 < size && !strstr(ret, "\r\n\r\n")) {
        ssize_t n = recv(fd, ret + len, size - len - 1, 0);

        if (n <= 0)
            return;
        len += (size_t)n;
        ret[len] = '\0';
    }
}

static void send_text(int fd, const char *text)
{
    (void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

static void answer(int fd, const char *request)
{
    static const char *const heads[] = {
        [ANSWERS] = "200 OK", [FAILS] = "500 Oops", [CUTS_SHORT] = "200 OK", [REDIRECTS] = "302 x"};
    struct arena *a AUTO(arena_destroy_p) = arena_create(65536);
    int manner = atomic_load(&server.manner);
    const char *body =
        strncmp(request, "GET " CERTS_PATH " ", strlen(CERTS_PATH) + 5) == 0 ? server.keys
        : strncmp(request, "GET " DISCOVERY_PATH " ", strlen(DISCOVERY_PATH) + 5) == 0
            ? server.discovery
            : "{}";

    send_text(fd, arena_printf(a,
                               "HTTP/1.1 %s\r\nContent-Type: application/json\r\nLocation: %s%s\r\n"
                               "Connection: close\r\nContent-Length: %zu\r\n\r\n%s",
                               heads[manner], server.origin, CERTS_PATH,
                               strlen(body) + (manner == CUTS_SHORT ? 10 : 0), body));
}

static void *serve(void *arg)
{
    char request[8192];
    int fd;

    (void)arg;
    while ((fd = accept(server.listener, NULL, NULL)) >= 0) {
        read_request(fd, request, sizeof request);
        atomic_fetch_add(&server.requests, 1);
        if (atomic_load(&server.manner) == HANGS)
            (void)recv(fd, request, sizeof request, 0); /* until the client goes away */
        else
            answer(fd, request);
        close(fd);
    }
    return NULL;
}

static int set_up(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof address;

    (void)state;
    token_maker_init(&maker, clock_unix_s());
    server.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server.listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(server.listener, 16), 0);
    assert_int_equal(getsockname(server.listener, (struct sockaddr *)&address, &len), 0);
    snprintf(server.origin, sizeof server.origin, "http://127.0.0.1:%u", ntohs(address.sin_port));
    snprintf(server.issuer, sizeof server.issuer, "%s/realms/r", server.origin);
    server.keys = arena_printf(maker.a, "{\"keys\":[%s]}",
                               token_maker_jwk(&maker, maker.sig, MAKER_KID, "sig"));
    server.discovery =
        arena_printf(maker.a, "{\"issuer\":\"%s\",\"jwks_uri\":\"%s" CERTS_PATH "\"}",
                     server.issuer, server.origin);
    assert_int_equal(pthread_create(&server.thread, NULL, serve, NULL), 0);
    net = net_create(1, NULL);
    return net ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    net_destroy(net);
    shutdown(server.listener, SHUT_RDWR);
    pthread_join(server.thread, NULL);
    close(server.listener);
    token_maker_finish(&maker);
    return 0;
}

static struct identity *start(bool allow_loopback_http, const char *jwks_url)
{
    static const char *const clients[] = {MAKER_CLIENT};
    struct identity_config config = {.issuer = server.issuer,
                                     .client_ids = clients,
                                     .client_id_count = 1,
                                     .jwks_url = jwks_url,
                                     .allow_loopback_http = allow_loopback_http,
                                     .leeway_s = 30,
                                     .jwks_refresh_s = 300,
                                     .jwks_stale_s = 86400,
                                     .jwks_cooldown_s = 10,
                                     .max_token_life_s = 86400};
    struct identity *id = identity_create(&config, net, NULL);

    assert_non_null(id);
    return id;
}

static enum app_code verify(struct identity *id)
{
    json_auto_t *claims = json_pack("{s:s}", "iss", server.issuer);
    const char *token = token_maker_access(&maker, maker.sig, MAKER_KID, claims);
    struct app_error err = {0};
    struct principal p;
    int rc = identity_verify(id, text_of(arena_printf(maker.a, "Bearer %s", token)),
                             clock_mono_us() + 5 * US_PER_S, maker.a, &p, &err);

    return rc < 0 ? err.code : APP_OK;
}

static void an_issuer_that_misbehaves_gives_no_keys(void **state)
{
    static const enum manner manners[] = {FAILS, CUTS_SHORT, REDIRECTS};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(manners); i++) {
        struct identity *id = start(true, NULL);

        atomic_store(&server.manner, manners[i]);
        atomic_store(&server.requests, 0);
        assert_int_equal(verify(id), APP_TOKEN_INVALID);
        assert_in_range(atomic_load(&server.requests), 1, 1); /* and no redirect is followed */
        identity_destroy(id);
    }
}

static void plain_http_is_refused_unless_allowed(void **state)
{
    struct identity *id = start(false, NULL);

    (void)state;
    atomic_store(&server.manner, ANSWERS);
    atomic_store(&server.requests, 0);
    assert_int_equal(verify(id), APP_TOKEN_INVALID);
    assert_int_equal(atomic_load(&server.requests), 0);
    identity_destroy(id);
}

static void keys_come_by_discovery_or_from_the_given_url(void **state)
{
    char url[160];
    struct identity *id = start(true, NULL);

    (void)state;
    snprintf(url, sizeof url, "%s%s", server.origin, CERTS_PATH);
    atomic_store(&server.manner, ANSWERS);
    atomic_store(&server.requests, 0);
    assert_int_equal(verify(id), APP_OK);
    assert_int_equal(atomic_load(&server.requests), 2);
    identity_destroy(id);
    id = start(true, url);
    assert_int_equal(verify(id), APP_OK);
    assert_int_equal(atomic_load(&server.requests), 3);
    identity_destroy(id);
}

static void stopping_does_not_wait_for_an_issuer_that_hangs(void **state)
{
    struct identity *id = start(true, NULL);
    int64_t began;

    (void)state;
    atomic_store(&server.manner, HANGS);
    atomic_store(&server.requests, 0);
    identity_prefetch(id);
    for (int i = 0; i < 5000 && atomic_load(&server.requests) == 0; i++)
        usleep(1000);
    assert_int_equal(atomic_load(&server.requests), 1);
    began = clock_mono_us();
    identity_destroy(id);
    assert_true(clock_mono_us() - began < US_PER_S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_issuer_that_misbehaves_gives_no_keys),
        cmocka_unit_test(plain_http_is_refused_unless_allowed),
        cmocka_unit_test(keys_come_by_discovery_or_from_the_given_url),
        cmocka_unit_test(stopping_does_not_wait_for_an_issuer_that_hangs),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
