/* SPDX-License-Identifier: Apache-2.0 */
#include "net_server.h"
#include "cleanup.h"
#include "codec.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_MAX (64 * KIB)
#define PEERS_MAX 1024

/* ---- certificates ---- */

static void must(bool is_good)
{
    if (!is_good)
        abort();
}

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *ext;

    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    must(ext && X509_add_ext(cert, ext, -1) == 1);
    X509_EXTENSION_free(ext);
}

static struct identity make(const char *name, long starts_in_s, long ends_in_s)
{
    struct identity id = {X509_new(), EVP_EC_gen("P-256")};
    X509_NAME *subject;
    uint32_t serial = 0;

    must(id.cert && id.key && RAND_bytes((unsigned char *)&serial, sizeof serial) == 1);
    subject = X509_get_subject_name(id.cert);
    X509_set_version(id.cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(id.cert), (long)(serial >> 1) + 1);
    must(X509_gmtime_adj(X509_getm_notBefore(id.cert), starts_in_s) &&
         X509_gmtime_adj(X509_getm_notAfter(id.cert), ends_in_s));
    must(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1,
                                    -1, 0) == 1);
    must(X509_set_pubkey(id.cert, id.key) == 1);
    return id;
}

static void sign(struct identity *id, const struct identity *ca)
{
    X509_set_issuer_name(id->cert, X509_get_subject_name(ca->cert));
    must(X509_sign(id->cert, ca->key, EVP_sha256()) > 0);
}

struct identity identity_make_ca(const char *name)
{
    struct identity id = make(name, -3600, 86400);

    add_extension(id.cert, id.cert, NID_subject_key_identifier, "hash");
    add_extension(id.cert, id.cert, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(id.cert, id.cert, NID_key_usage, "critical,keyCertSign,cRLSign");
    sign(&id, &id);
    return id;
}

struct identity identity_make_leaf(const struct identity *ca, const struct leaf_spec *spec)
{
    struct identity id = make("server", spec->starts_in_s, spec->ends_in_s);

    add_extension(id.cert, id.cert, NID_subject_alt_name, spec->san);
    add_extension(id.cert, id.cert, NID_ext_key_usage, "serverAuth");
    if (ca)
        add_extension(id.cert, ca->cert, NID_authority_key_identifier, "keyid:always");
    sign(&id, ca ? ca : &id);
    return id;
}

void identity_free(struct identity *id)
{
    X509_free(id->cert);
    EVP_PKEY_free(id->key);
}

char *identity_pem(const struct identity *id)
{
    BIO *out = BIO_new(BIO_s_mem());
    char *bytes, *copy;
    long len;

    must(out && PEM_write_bio_X509(out, id->cert) == 1);
    len = BIO_get_mem_data(out, &bytes);
    copy = strndup(bytes, (size_t)len);
    BIO_free(out);
    return copy;
}

void identity_fingerprint(const struct identity *id, char ret[65])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int len;

    must(X509_digest(id->cert, EVP_sha256(), digest, &len) == 1 && len == 32);
    hex_encode(digest, len, ret);
}

/* ---- connections ---- */

struct peer {
    struct test_server *server;
    int fd;
    pthread_t thread;
    SSL *ssl;
    char auth[256]; /* the first Authorization line seen here */
    bool has_request;
};

struct test_server {
    int fd, port;
    char url[64];
    SSL_CTX *ctx;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards peers and peer_count */
    struct peer *peers[PEERS_MAX];
    int peer_count;
    atomic_bool is_stopping;
    atomic_int requests, posts, mixed, active;
};

static bool send_bytes(struct peer *p, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = p->ssl ? SSL_write(p->ssl, bytes, (int)len) : write(p->fd, bytes, len);

        if (n <= 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

static bool send_text(struct peer *p, const char *s)
{
    return send_bytes(p, s, strlen(s));
}

static ssize_t receive(struct peer *p, char *room, size_t len)
{
    return p->ssl ? SSL_read(p->ssl, room, (int)len) : read(p->fd, room, len);
}

/* Close so that the client gets RST instead of FIN. */
static void reset_connection(struct peer *p)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};

    setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

static void pause_ms(int ms)
{
    poll(NULL, 0, ms);
}

static bool wait_for_stop(struct peer *p)
{
    struct pollfd left = {.fd = p->fd, .events = POLLRDHUP};

    while (!atomic_load(&p->server->is_stopping) && poll(&left, 1, 5) == 0)
        continue;
    return false;
}

/* ---- behaviours: @return whether the connection is kept ---- */

struct request {
    char head[REQUEST_MAX];
    size_t head_len, body_len;
    long arg; /* the number after '?' */
};

static bool answer(struct peer *p, const char *status, const char *more, const char *body)
{
    char head[512];

    snprintf(head, sizeof head, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n%s\r\n", status,
             strlen(body), more);
    return send_text(p, head) && send_text(p, body);
}

static bool do_ok(struct peer *p, const struct request *r)
{
    (void)r;
    return answer(p, "200 OK", "Content-Type: application/json\r\n", "{}");
}

static bool do_silent(struct peer *p, const struct request *r)
{
    (void)r;
    return wait_for_stop(p);
}

static bool do_delay(struct peer *p, const struct request *r)
{
    pause_ms((int)r->arg);
    return do_ok(p, r);
}

static bool do_half(struct peer *p, const struct request *r)
{
    (void)r;
    send_text(p, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
    return false;
}

static bool do_half_chunk(struct peer *p, const struct request *r)
{
    (void)r;
    send_text(p, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    return false;
}

static bool do_bad_chunk(struct peer *p, const struct request *r)
{
    (void)r;
    send_text(p, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n");
    return false;
}

static bool do_reset(struct peer *p, const struct request *r)
{
    (void)r;
    reset_connection(p);
    return false;
}

static bool do_reset_in_body(struct peer *p, const struct request *r)
{
    (void)r;
    send_text(p, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
    pause_ms(50);
    reset_connection(p);
    return false;
}

static bool do_die(struct peer *p, const struct request *r)
{
    (void)p, (void)r;
    return false;
}

static bool do_redirect(struct peer *p, const struct request *r)
{
    char more[128];

    (void)r;
    snprintf(more, sizeof more, "Location: %s/ok\r\n", p->server->url);
    return answer(p, "302 Found", more, "elsewhere");
}

static bool do_endless_headers(struct peer *p, const struct request *r)
{
    (void)r;
    send_text(p, "HTTP/1.1 200 OK\r\n");
    while (!atomic_load(&p->server->is_stopping) && send_text(p, "X-Filler: 0123456789012345\r\n"))
        continue;
    return false;
}

static bool do_endless_line(struct peer *p, const struct request *r)
{
    (void)r;
    send_text(p, "HTTP/1.1 200 OK\r\nX-Filler: ");
    while (!atomic_load(&p->server->is_stopping) && send_text(p, "0123456789012345678901234567890"))
        continue;
    return false;
}

static bool do_interim_flood(struct peer *p, const struct request *r)
{
    (void)r;
    while (!atomic_load(&p->server->is_stopping) && send_text(p, "HTTP/1.1 102 Wait\r\n\r\n"))
        continue;
    return false;
}

/* Exactly arg bytes from the status line to the empty line. */
static bool do_header_bytes(struct peer *p, const struct request *r)
{
    static const char start[] = "HTTP/1.1 204 No Content\r\nX-Pad: ";
    char *text = malloc((size_t)r->arg + 1);
    size_t tail = (size_t)r->arg - 4;
    bool is_sent;

    memset(text, 'x', (size_t)r->arg);
    memcpy(text, start, sizeof start - 1);
    memcpy(text + tail, "\r\n\r\n", 5);
    is_sent = send_text(p, text);
    free(text);
    return is_sent;
}

static void fill(char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)('a' + i % 26);
}

static bool do_bytes(struct peer *p, const struct request *r)
{
    char head[128], *body = malloc((size_t)r->arg + 1);
    bool is_sent;

    fill(body, (size_t)r->arg);
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %ld\r\n\r\n", r->arg);
    is_sent = send_text(p, head) && send_bytes(p, body, (size_t)r->arg);
    free(body);
    return is_sent;
}

static bool do_chunked(struct peer *p, const struct request *r)
{
    char size[32], body[1000];
    bool is_sent = send_text(p, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");

    fill(body, sizeof body);
    for (long left = r->arg; is_sent && left > 0; left -= (long)sizeof body) {
        size_t len = left < (long)sizeof body ? (size_t)left : sizeof body;

        snprintf(size, sizeof size, "%zx\r\n", len);
        is_sent = send_text(p, size) && send_bytes(p, body, len) && send_text(p, "\r\n");
    }
    return is_sent && send_text(p, "0\r\nContent-Type: text/trailer\r\n\r\n");
}

static bool do_error_bytes(struct peer *p, const struct request *r)
{
    char head[128], *body = malloc((size_t)r->arg + 1);
    bool is_sent;

    fill(body, (size_t)r->arg);
    snprintf(head, sizeof head, "HTTP/1.1 403 Forbidden\r\nContent-Length: %ld\r\n\r\n", r->arg);
    is_sent = send_text(p, head) && send_bytes(p, body, (size_t)r->arg);
    free(body);
    return is_sent;
}

static bool do_slow_bytes(struct peer *p, const struct request *r)
{
    (void)r;
    if (!send_text(p, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"))
        return false;
    while (!atomic_load(&p->server->is_stopping) && send_text(p, "x"))
        pause_ms(10);
    return false;
}

static bool do_garbage(struct peer *p, const struct request *r)
{
    (void)r;
    send_text(p, "SSH-2.0-OpenSSH_9.2\r\n");
    return false;
}

static bool do_busy(struct peer *p, const struct request *r)
{
    (void)r;
    return answer(p, "429 Too Many Requests", "Retry-After: 7\r\nContent-Type: text/plain\r\n",
                  "later");
}

static bool do_interim(struct peer *p, const struct request *r)
{
    return send_text(p, "HTTP/1.1 103 Early Hints\r\nContent-Type: text/early\r\n\r\n") &&
           do_ok(p, r);
}

/* The head of the request, and after an empty line the length of its body. */
static bool do_echo(struct peer *p, const struct request *r)
{
    char *text = NULL;
    bool is_sent;

    must(asprintf(&text, "%s%zu", r->head, r->body_len) > 0);
    is_sent = answer(p, "200 OK", "", text);
    free(text);
    return is_sent;
}

static bool do_bye(struct peer *p, const struct request *r)
{
    do_ok(p, r);
    return false;
}

static const struct behaviour {
    const char *path;
    bool (*act)(struct peer *p, const struct request *r);
} behaviours[] = {
    {"/ok",              do_ok             },
    {"/silent",          do_silent         },
    {"/delay",           do_delay          },
    {"/half",            do_half           },
    {"/half-chunk",      do_half_chunk     },
    {"/bad-chunk",       do_bad_chunk      },
    {"/reset",           do_reset          },
    {"/reset-in-body",   do_reset_in_body  },
    {"/die",             do_die            },
    {"/redirect",        do_redirect       },
    {"/endless-headers", do_endless_headers},
    {"/endless-line",    do_endless_line   },
    {"/interim-flood",   do_interim_flood  },
    {"/header-bytes",    do_header_bytes   },
    {"/bytes",           do_bytes          },
    {"/chunked",         do_chunked        },
    {"/error-bytes",     do_error_bytes    },
    {"/slow-bytes",      do_slow_bytes     },
    {"/garbage",         do_garbage        },
    {"/busy",            do_busy           },
    {"/interim",         do_interim        },
    {"/bye",             do_bye            },
};

/* ---- requests ---- */

/* @return whether a whole head came; what follows it in the buffer counts as body. */
static bool read_head(struct peer *p, struct request *r)
{
    size_t len = 0;
    char *end = NULL;

    while (!end && len < sizeof r->head - 1) {
        ssize_t n = receive(p, r->head + len, sizeof r->head - 1 - len);

        if (n <= 0)
            return false;
        len += (size_t)n;
        r->head[len] = '\0';
        end = strstr(r->head, "\r\n\r\n");
    }
    if (!end)
        return false;
    r->head_len = (size_t)(end + 4 - r->head);
    r->body_len = len - r->head_len;
    r->head[r->head_len] = '\0';
    return true;
}

static bool read_body(struct peer *p, struct request *r)
{
    const char *length = strcasestr(r->head, "\r\nContent-Length:");
    size_t wanted = length ? strtoul(length + 17, NULL, 10) : 0;
    char waste[4096];

    while (r->body_len < wanted) {
        ssize_t n = receive(p, waste, sizeof waste);

        if (n <= 0)
            return false;
        r->body_len += (size_t)n;
    }
    return true;
}

static void note_authorization(struct peer *p, const struct request *r)
{
    const char *line = strcasestr(r->head, "\r\nAuthorization:");
    char auth[sizeof p->auth] = "";

    if (line)
        snprintf(auth, sizeof auth, "%.*s", (int)strcspn(line + 2, "\r"), line + 2);
    if (p->has_request && strcmp(auth, p->auth) != 0)
        atomic_fetch_add(&p->server->mixed, 1);
    memcpy(p->auth, auth, sizeof auth);
    p->has_request = true;
}

static bool serve_one(struct peer *p, struct request *r)
{
    char path[64] = "";
    bool is_kept;

    if (!read_head(p, r) || !read_body(p, r))
        return false;
    atomic_fetch_add(&p->server->requests, 1);
    if (strncmp(r->head, "POST ", 5) == 0)
        atomic_fetch_add(&p->server->posts, 1);
    note_authorization(p, r);
    r->arg = 0;
    sscanf(r->head, "%*s %63[^? ]?%ld", path, &r->arg);
    atomic_fetch_add(&p->server->active, 1);
    for (size_t i = 0; i < ARRAY_LEN(behaviours); i++)
        if (strcmp(path, behaviours[i].path) == 0) {
            is_kept = behaviours[i].act(p, r);
            atomic_fetch_sub(&p->server->active, 1);
            return is_kept;
        }
    is_kept = do_echo(p, r);
    atomic_fetch_sub(&p->server->active, 1);
    return is_kept;
}

static bool shake_hands(struct peer *p)
{
    if (!p->server->ctx)
        return true;
    p->ssl = SSL_new(p->server->ctx);
    must(p->ssl && SSL_set_fd(p->ssl, p->fd) == 1);
    return SSL_accept(p->ssl) == 1;
}

static void *serve_peer(void *arg)
{
    struct peer *p = arg;
    struct request *r = calloc(1, sizeof *r);
    struct linger mode = {0};
    socklen_t mode_len = sizeof mode;

    must(r != NULL);
    if (shake_hands(p))
        while (serve_one(p, r))
            continue;
    free(r);
    getsockopt(p->fd, SOL_SOCKET, SO_LINGER, &mode, &mode_len);
    pthread_mutex_lock(&p->server->mutex);
    if (mode.l_onoff) { /* RST needs a close, not a shutdown */
        close(p->fd);
        p->fd = -1;
    } else {
        shutdown(p->fd, SHUT_RDWR);
    }
    pthread_mutex_unlock(&p->server->mutex);
    return NULL;
}

static void *accept_peers(void *arg)
{
    struct test_server *s = arg;

    for (;;) {
        int fd = accept(s->fd, NULL, NULL), on = 1;
        struct peer *p;

        if (fd < 0)
            return NULL;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        p = calloc(1, sizeof *p);
        must(p != NULL);
        p->server = s;
        p->fd = fd;
        pthread_mutex_lock(&s->mutex);
        must(s->peer_count < PEERS_MAX);
        s->peers[s->peer_count++] = p;
        must(pthread_create(&p->thread, NULL, serve_peer, p) == 0);
        pthread_mutex_unlock(&s->mutex);
    }
}

static void listen_on_loopback(struct test_server *s)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;

    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(s->fd >= 0 && bind(s->fd, (struct sockaddr *)&a, len) == 0 && listen(s->fd, 256) == 0 &&
         getsockname(s->fd, (struct sockaddr *)&a, &len) == 0);
    s->port = ntohs(a.sin_port);
    snprintf(s->url, sizeof s->url, "http%s://127.0.0.1:%d", s->ctx ? "s" : "", s->port);
}

static SSL_CTX *make_context(const struct identity *id, int tls_max)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    must(ctx && SSL_CTX_use_certificate(ctx, id->cert) == 1 &&
         SSL_CTX_use_PrivateKey(ctx, id->key) == 1);
    if (tls_max) {
        SSL_CTX_set_min_proto_version(ctx, 0);
        SSL_CTX_set_max_proto_version(ctx, tls_max);
        must(SSL_CTX_set_cipher_list(ctx, "ALL:@SECLEVEL=0") == 1);
    }
    return ctx;
}

/* The server's threads block SIGPIPE themselves, so that the client's own care for it is tested. */
struct test_server *server_start(const struct identity *id, int tls_max)
{
    struct test_server *s = calloc(1, sizeof *s);
    sigset_t pipe_signal, before;

    must(s != NULL);
    s->ctx = id ? make_context(id, tls_max) : NULL;
    pthread_mutex_init(&s->mutex, NULL);
    listen_on_loopback(s);
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
    must(pthread_create(&s->thread, NULL, accept_peers, s) == 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return s;
}

static void finish_peer(struct test_server *s, struct peer *p)
{
    pthread_mutex_lock(&s->mutex);
    if (p->fd >= 0)
        shutdown(p->fd, SHUT_RDWR);
    pthread_mutex_unlock(&s->mutex);
    pthread_join(p->thread, NULL);
    if (p->fd >= 0)
        close(p->fd);
    SSL_free(p->ssl);
    free(p);
}

void server_stop(struct test_server *s)
{
    if (!s)
        return;
    atomic_store(&s->is_stopping, true);
    shutdown(s->fd, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->fd);
    for (int i = 0; i < s->peer_count; i++)
        finish_peer(s, s->peers[i]);
    SSL_CTX_free(s->ctx);
    pthread_mutex_destroy(&s->mutex);
    free(s);
}

const char *server_url(const struct test_server *s)
{
    return s->url;
}

int server_port(const struct test_server *s)
{
    return s->port;
}

int server_connections(struct test_server *s)
{
    int count;

    pthread_mutex_lock(&s->mutex);
    count = s->peer_count;
    pthread_mutex_unlock(&s->mutex);
    return count;
}

int server_requests(struct test_server *s)
{
    return atomic_load(&s->requests);
}

int server_posts(struct test_server *s)
{
    return atomic_load(&s->posts);
}

int server_mixed_connections(struct test_server *s)
{
    return atomic_load(&s->mixed);
}

int server_active(struct test_server *s)
{
    return atomic_load(&s->active);
}

static bool wait_count(atomic_int *counter, int count)
{
    for (int i = 0; i < 1000; i++) {
        if (atomic_load(counter) == count)
            return true;
        pause_ms(5);
    }
    return false;
}

bool server_wait_active(struct test_server *s, int count)
{
    return wait_count(&s->active, count);
}

bool server_wait_requests(struct test_server *s, int count)
{
    return wait_count(&s->requests, count);
}
