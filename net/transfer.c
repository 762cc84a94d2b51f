/* SPDX-License-Identifier: Apache-2.0 */
#include "cleanup.h"
#include "clock.h"
#include "codec.h"
#include "counters.h"
#include "net_internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define DEFAULT_TOTAL_US (60 * US_PER_S)
#define DEFAULT_ANSWER_BYTES (8 * (size_t)MIB)
#define DEFAULT_STREAM_BYTES (1024 * (size_t)MIB)
#define ERROR_BODY_MAX_BYTES (64 * (size_t)KIB)
#define RESERVE_MAX_BYTES                                                                          \
    (1 * (size_t)MIB) /* believed of a Content-Length before bytes have come */
#define RETRY_AFTER_MAX_S 86400

/* ---- what curl calls on the loop thread ---- */

static bool is_loopback_address(const struct curl_sockaddr *a)
{
    if (a->family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)&a->addr;

        return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    }
    if (a->family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const void *)&a->addr;

        return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
    }
    return false;
}

/* Addresses no server of ours has: "this network", link-local (cloud metadata), multicast. */
static bool is_refused_v4(uint32_t a)
{
    return a >> 24 == 0 || a >> 16 == 0xa9fe || a >> 28 >= 0xe;
}

static bool is_refused_address(const struct curl_sockaddr *a)
{
    if (a->family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)&a->addr;

        return is_refused_v4(ntohl(v4->sin_addr.s_addr));
    }
    if (a->family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const void *)&a->addr;
        const struct in6_addr *ip = &v6->sin6_addr;
        uint32_t low;

        memcpy(&low, ip->s6_addr + 12, sizeof low);
        return IN6_IS_ADDR_UNSPECIFIED(ip) || IN6_IS_ADDR_LINKLOCAL(ip) ||
               IN6_IS_ADDR_MULTICAST(ip) || (IN6_IS_ADDR_V4MAPPED(ip) && is_refused_v4(ntohl(low)));
    }
    return true;
}

/* The check on the address itself: a name may resolve to anything at any time. */
static curl_socket_t on_open_socket(void *pool, curlsocktype purpose, struct curl_sockaddr *a)
{
    const struct net_pool *p = pool;
    bool is_allowed = p->trust == TRUST_NONE ? is_loopback_address(a) : !is_refused_address(a);

    if (purpose != CURLSOCKTYPE_IPCXN || !is_allowed)
        return CURL_SOCKET_BAD;
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

/* The connection stands and the request is about to leave: the wait for the first byte begins. */
static int on_request_leaves(void *transfer, char *ip, char *local_ip, int port, int local_port)
{
    struct transfer *t = transfer;

    (void)ip, (void)local_ip, (void)port, (void)local_port;
    net_loop_set_first_byte_due(t, clock_mono_us() +
                                       (int64_t)t->pool->first_byte_timeout_ms * US_PER_MS);
    return CURL_PREREQFUNC_OK;
}

/* @return the value of the header line @p line when its name is @p name, without blanks around it.
 */
static bool header_value(struct text line, struct text name, struct text *ret)
{
    struct text head = {line.p, name.len};

    if (line.len <= name.len || line.p[name.len] != ':' || !text_eq_nocase(head, name))
        return false;
    ret->p = line.p + name.len + 1;
    ret->len = line.len - name.len - 1;
    while (ret->len > 0 && strchr(" \t", ret->p[0]))
        ret->p++, ret->len--;
    while (ret->len > 0 && strchr(" \t\r\n", ret->p[ret->len - 1]))
        ret->len--;
    return true;
}

static void read_header(struct net_response *r, struct text line)
{
    struct text value;
    int64_t seconds;

    if (text_starts_with(line, "HTTP/")) { /* a new answer: after an interim one (1xx) */
        r->content_type[0] = '\0';
        r->retry_after_s = -1;
    } else if (header_value(line, TEXT("Content-Type"), &value)) {
        snprintf(r->content_type, sizeof r->content_type, "%.*s", (int)value.len, value.p);
    } else if (header_value(line, TEXT("Retry-After"), &value) &&
               text_to_i64(value, &seconds) == 0 && seconds >= 0) {
        r->retry_after_s = seconds < RETRY_AFTER_MAX_S ? (int)seconds : RETRY_AFTER_MAX_S;
    }
}

static size_t on_header(char *bytes, size_t size, size_t count, void *transfer)
{
    struct transfer *t = transfer;
    size_t len = size * count;

    t->first_byte_due_us = INT64_MAX;
    t->header_bytes += len;
    if (t->header_bytes > t->pool->header_max_bytes) {
        t->verdict = VERDICT_HEADER_LIMIT;
        return 0;
    }
    if (t->ret->received_bytes == 0) /* not the trailers */
        read_header(t->ret, (struct text){bytes, len});
    return len;
}

/* Once, when the first body bytes come: which way the body goes. */
static void begin_body(struct transfer *t)
{
    struct net_response *r = t->ret;
    curl_off_t length = -1;
    long status = 0;

    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    r->status = (int)status;
    if (t->sink && (status < 200 || status > 299)) {
        t->sink = NULL;
        t->answer_max_bytes = ERROR_BODY_MAX_BYTES;
    }
    if (t->sink)
        return;
    buf_init(&r->body, t->answer_max_bytes);
    curl_easy_getinfo(t->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    if (length > 0 && (uint64_t)length <= t->answer_max_bytes)
        buf_reserve(&r->body,
                    (size_t)length < RESERVE_MAX_BYTES ? (size_t)length : RESERVE_MAX_BYTES);
}

static size_t on_body(char *bytes, size_t size, size_t count, void *transfer)
{
    struct transfer *t = transfer;
    size_t len = size * count;

    if (len == 0)
        return 0;
    if (t->ret->received_bytes == 0)
        begin_body(t);
    t->ret->received_bytes += len;
    if (t->ret->received_bytes > t->answer_max_bytes)
        t->verdict = VERDICT_BODY_LIMIT;
    else if (t->sink && t->sink(t->sink_ctx, bytes, len) < 0)
        t->verdict = VERDICT_SINK;
    else if (!t->sink && buf_append(&t->ret->body, bytes, len) < 0)
        t->verdict = VERDICT_MEMORY;
    return t->verdict == VERDICT_NONE ? len : 0;
}

/* ---- options ---- */

struct long_option {
    CURLoption id;
    long value;
};

static const struct long_option fixed_options[] = {
    {CURLOPT_NOSIGNAL,                 1                      },
    {CURLOPT_QUICK_EXIT,               1                      }, /* never wait for a resolver thread */
    {CURLOPT_FOLLOWLOCATION,           0                      },
    {CURLOPT_MAXREDIRS,                0                      },
    {CURLOPT_NETRC,                    CURL_NETRC_IGNORED     },
    {CURLOPT_HTTPAUTH,                 CURLAUTH_NONE          },
    {CURLOPT_PROXYAUTH,                CURLAUTH_NONE          },
    {CURLOPT_UNRESTRICTED_AUTH,        0                      },
    {CURLOPT_DISALLOW_USERNAME_IN_URL, 1                      },
    {CURLOPT_HTTP_VERSION,             CURL_HTTP_VERSION_1_1  },
    {CURLOPT_HTTP09_ALLOWED,           0                      },
    {CURLOPT_HTTP_CONTENT_DECODING,    0                      },
    {CURLOPT_HTTP_TRANSFER_DECODING,   1                      },
    {CURLOPT_SSL_VERIFYPEER,           1                      },
    {CURLOPT_SSLVERSION,               CURL_SSLVERSION_TLSv1_2},
    {CURLOPT_SSL_SESSIONID_CACHE,      0                      }, /* each handshake verifies */
    {CURLOPT_CA_CACHE_TIMEOUT,         0                      }, /* the store is the pool's */
    {CURLOPT_TCP_NODELAY,              1                      },
    {CURLOPT_TCP_KEEPALIVE,            1                      },
    {CURLOPT_TCP_KEEPIDLE,             30                     },
    {CURLOPT_TCP_KEEPINTVL,            15                     },
    {CURLOPT_NOPROGRESS,               1                      },
    {CURLOPT_CONNECT_ONLY,             0                      },
};

static int set_fixed_options(CURL *e)
{
    for (size_t i = 0; i < ARRAY_LEN(fixed_options); i++)
        if (curl_easy_setopt(e, fixed_options[i].id, fixed_options[i].value) != CURLE_OK)
            return -1;
    return 0;
}

static bool set_text_options(CURL *e, const struct net_pool *p)
{
    const char *protocol = p->trust == TRUST_NONE ? "http" : "https";

    return curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, protocol) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_REDIR_PROTOCOLS_STR, "https") == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_URL, p->origin) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_USERAGENT, "cp-portal/" CP_VERSION) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_NOPROXY, "*") == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_CAINFO, NULL) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_CAPATH, NULL) == CURLE_OK;
}

static bool set_callbacks(CURL *e, struct net_pool *p)
{
    return curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, on_request_leaves) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_open_socket) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, p) == CURLE_OK;
}

/* The host name is checked for every chain; a pinned leaf stands for itself, a leaf that is only
 * read gets no request. */
static bool set_tls(CURL *e, struct net_pool *p)
{
    long verify_host = p->trust == TRUST_PIN || p->trust == TRUST_READ ? 0 : 2;

    if (curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, verify_host) != CURLE_OK)
        return false;
    if (p->trust == TRUST_NONE)
        return true;
    return curl_easy_setopt(e, CURLOPT_SSL_CTX_FUNCTION, net_tls_prepare_context) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_SSL_CTX_DATA, p) == CURLE_OK;
}

int net_transfer_set_pool_options(CURL *e, struct net_pool *p)
{
    if (set_fixed_options(e) < 0 || !set_text_options(e, p) || !set_callbacks(e, p) ||
        !set_tls(e, p) ||
        curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)p->connect_timeout_ms) != CURLE_OK ||
        curl_easy_setopt(e, CURLOPT_MAXLIFETIME_CONN, (long)p->connection_max_age_s) != CURLE_OK)
        return -1;
    return 0;
}

static int set_transfer_options(struct transfer *t)
{
    CURL *e = t->easy;

    if (curl_easy_setopt(e, CURLOPT_PRIVATE, t) != CURLE_OK ||
        curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->reason) != CURLE_OK ||
        curl_easy_setopt(e, CURLOPT_WRITEDATA, t) != CURLE_OK ||
        curl_easy_setopt(e, CURLOPT_HEADERDATA, t) != CURLE_OK ||
        curl_easy_setopt(e, CURLOPT_PREREQDATA, t) != CURLE_OK)
        return -1;
    if (!t->req)
        return curl_easy_setopt(e, CURLOPT_CONNECT_ONLY, 1L) == CURLE_OK ? 0 : -1;
    return net_request_apply(t);
}

/* Nothing of this request stays in a kept handle. */
static void clear_transfer_options(CURL *e)
{
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, NULL);
    curl_easy_setopt(e, CURLOPT_POSTFIELDS, NULL);
    curl_easy_setopt(e, CURLOPT_REQUEST_TARGET, NULL);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, NULL);
    curl_easy_setopt(e, CURLOPT_PRIVATE, NULL);
}

/* ---- how it ended ---- */

static const struct verdict_row {
    enum app_code code;
    const char *reason; /* NULL: curl's text */
} verdicts[] = {
    [VERDICT_DEADLINE] = {APP_UPSTREAM_TIMEOUT, "deadline"              },
    [VERDICT_FIRST_BYTE] = {APP_UPSTREAM_TIMEOUT, "no first byte in time" },
    [VERDICT_CANCELLED] = {APP_CANCELLED,        "cancelled"             },
    [VERDICT_HEADER_LIMIT] = {APP_UPSTREAM_BROKEN,  "headers over the limit"},
    [VERDICT_BODY_LIMIT] = {APP_UPSTREAM_BROKEN,  "body over the limit"   },
    [VERDICT_SINK] = {APP_UPSTREAM_BROKEN,  "stopped by its reader" },
    [VERDICT_MEMORY] = {APP_INTERNAL,         "out of memory"         },
};

/* curl's codes that do not follow from "did any byte of an answer come". CURLE_OUT_OF_MEMORY does:
 * it is also what curl says to a header line without end. */
static const struct {
    CURLcode curl;
    enum app_code code;
} curl_codes[] = {
    {CURLE_OPERATION_TIMEDOUT,    APP_UPSTREAM_TIMEOUT},
    {CURLE_FAILED_INIT,           APP_INTERNAL        },
    {CURLE_BAD_FUNCTION_ARGUMENT, APP_INTERNAL        },
    {CURLE_UNSUPPORTED_PROTOCOL,  APP_UPSTREAM_BROKEN }, /* HTTP/0.9: no status line */
    {CURLE_WEIRD_SERVER_REPLY,    APP_UPSTREAM_BROKEN },
    {CURLE_PARTIAL_FILE,          APP_UPSTREAM_BROKEN },
};

static enum app_code code_of(const struct transfer *t)
{
    if (t->verdict != VERDICT_NONE)
        return verdicts[t->verdict].code;
    for (size_t i = 0; i < ARRAY_LEN(curl_codes); i++)
        if (curl_codes[i].curl == t->code)
            return curl_codes[i].code;
    return t->header_bytes > 0 ? APP_UPSTREAM_BROKEN : APP_UPSTREAM_UNREACHABLE;
}

static const char *reason_of(const struct transfer *t)
{
    if (t->verdict != VERDICT_NONE)
        return verdicts[t->verdict].reason;
    return t->reason[0] ? t->reason : curl_easy_strerror(t->code);
}

static int fail_transfer(const struct transfer *t, struct app_error *err)
{
    const char *method = t->req ? t->req->method : "connect", *path = t->req ? t->req->path : "";

    if (t->verdict == VERDICT_SINK && err && err->code != APP_OK)
        return -1; /* the sink said why */
    return app_fail(err, code_of(t), "net: %s: %s %.100s: %s", t->pool->name, method, path,
                    reason_of(t));
}

/* ---- one call ---- */

static void wait_done(struct transfer *t)
{
    while (sem_wait(&t->done) < 0 && errno == EINTR)
        continue;
}

/* Lend the transfer to a loop and wait until it comes back. */
static void run_on_loop(struct transfer *t)
{
    struct lane *lane = net_pool_pick_lane(t->pool);

    counter_add(CTR_UPSTREAM_CALLS, 1);
    atomic_store(&t->lane, lane);
    if (net_loop_submit(lane, t))
        wait_done(t);
    else
        t->verdict = VERDICT_CANCELLED;
}

static int finish_call(struct transfer *t, struct app_error *err)
{
    long status = 0;

    if (t->header_bytes > 0)
        curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    t->ret->status = (int)status;
    if (t->code == CURLE_OK && t->verdict == VERDICT_NONE)
        return 0;
    counter_add(CTR_UPSTREAM_ERRORS, 1);
    buf_finish(&t->ret->body);
    return fail_transfer(t, err);
}

static int call_with_slot(struct transfer *t, struct app_error *err)
{
    int rc;

    t->easy = net_pool_take_easy(t->pool);
    if (!t->easy)
        return app_fail(err, APP_INTERNAL, "net: %s: no handle", t->pool->name);
    if (set_transfer_options(t) < 0) {
        curl_easy_cleanup(t->easy);
        return app_fail(err, APP_INTERNAL, "net: %s: options", t->pool->name);
    }
    run_on_loop(t);
    rc = finish_call(t, err);
    clear_transfer_options(t->easy);
    net_pool_return_easy(t->pool, t->easy);
    return rc;
}

static int call_prepared(struct transfer *t, struct app_error *err)
{
    int rc;

    if (clock_mono_us() >= t->deadline_us)
        return app_fail(err, APP_UPSTREAM_TIMEOUT, "net: %s: deadline before it began",
                        t->pool->name);
    if (net_pool_take_slot(t->pool, t, err) < 0)
        return -1;
    rc = call_with_slot(t, err);
    net_pool_return_slot(t->pool);
    return rc;
}

static int call(struct transfer *t, struct net_cancel *cancel, struct app_error *err)
{
    int rc = -1;

    *t->ret = (struct net_response){.retry_after_s = -1, .body = BUF_INIT(t->answer_max_bytes)};
    t->first_byte_due_us = INT64_MAX;
    link_init(&t->link);
    link_init(&t->cancel_link);
    if (sem_init(&t->done, 0, 0) < 0)
        return app_fail(err, APP_INTERNAL, "net: semaphore");
    net_pool_ref(t->pool);
    net_cancel_attach(cancel, t);
    if (!t->req || net_request_prepare(t, err) == 0)
        rc = call_prepared(t, err);
    net_cancel_detach(cancel, t);
    net_request_finish(t);
    net_pool_unref(t->pool);
    sem_destroy(&t->done);
    return rc;
}

static int64_t deadline_or_default(int64_t deadline_us)
{
    return deadline_us ? deadline_us : clock_mono_us() + DEFAULT_TOTAL_US;
}

int net_call(struct net_pool *p, const struct net_request *req, struct net_response *ret,
             struct app_error *err)
{
    struct transfer t = {
        .pool = p,
        .req = req,
        .ret = ret,
        .answer_max_bytes = req->answer_max_bytes ? req->answer_max_bytes : DEFAULT_ANSWER_BYTES,
        .deadline_us = deadline_or_default(req->deadline_us),
    };

    return call(&t, req->cancel, err);
}

int net_stream(struct net_pool *p, const struct net_request *req, net_sink_fn sink, void *ctx,
               struct net_response *ret, struct app_error *err)
{
    struct transfer t = {
        .pool = p,
        .req = req,
        .ret = ret,
        .sink = sink,
        .sink_ctx = ctx,
        .answer_max_bytes = req->answer_max_bytes ? req->answer_max_bytes : DEFAULT_STREAM_BYTES,
        .deadline_us = deadline_or_default(req->deadline_us),
    };

    if (err)
        err->code = APP_OK;
    return call(&t, req->cancel, err);
}

int net_peer_fingerprint(struct net *n, const char *base_url, int64_t deadline_us,
                         char ret_sha256[NET_FINGERPRINT_BYTES], struct app_error *err)
{
    struct net_pool_config config = {.name = "fingerprint", .base_url = base_url};
    struct net_pool *p = net_pool_open(n, &config, true, err);
    struct net_response ret;
    struct transfer t = {.pool = p, .ret = &ret, .deadline_us = deadline_or_default(deadline_us)};
    int rc;

    if (!p)
        return -1;
    rc = call(&t, NULL, err);
    if (rc == 0 && !p->has_pin)
        rc = app_fail(err, APP_UPSTREAM_UNREACHABLE, "net: the peer showed no certificate");
    if (rc == 0)
        hex_encode(p->pin, sizeof p->pin, ret_sha256);
    buf_finish(&ret.body);
    net_pool_unref(p);
    return rc;
}
