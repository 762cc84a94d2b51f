/* SPDX-License-Identifier: Apache-2.0 */
#include "load.h"
#include "cleanup.h"
#include "clock.h"
#include "text.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SAMPLES_MAX 400000
#define CONNECTIONS_MAX 64
#define ANSWER_MAX_BYTES 65536

struct samples {
    int64_t *us;
    _Atomic uint64_t count, failures;
};

static void add_sample(struct samples *s, int64_t us)
{
    uint64_t i = atomic_fetch_add(&s->count, 1);

    if (i < SAMPLES_MAX)
        s->us[i] = us;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static void sum_up(struct samples *s, int64_t elapsed_us, struct load_result *ret)
{
    uint64_t all = atomic_load(&s->count), n = all < SAMPLES_MAX ? all : SAMPLES_MAX;

    qsort(s->us, n, sizeof *s->us, compare);
    *ret = (struct load_result){.requests = all,
                                .failures = atomic_load(&s->failures),
                                .per_s = (double)all * 1e6 / (double)elapsed_us,
                                .p50_us = n ? s->us[n / 2] : 0,
                                .p99_us = n ? s->us[n * 99 / 100] : 0};
}

/* ---- threads that call a function ---- */

struct runner {
    const struct load *load;
    struct samples samples;
    int64_t end_us;
};

static void *run_thread(void *arg)
{
    struct runner *r = arg;
    int64_t begun_us = clock_mono_us();

    while (begun_us < r->end_us) {
        bool ok = r->load->once(r->load->ctx);
        int64_t now_us = clock_mono_us();

        if (!ok)
            atomic_fetch_add(&r->samples.failures, 1);
        add_sample(&r->samples, now_us - begun_us);
        begun_us = now_us;
    }
    return NULL;
}

int load_run(const struct load *l, struct load_result *ret)
{
    struct runner r = {.load = l, .samples = {.us = malloc(SAMPLES_MAX * sizeof(int64_t))}};
    pthread_t threads[CONNECTIONS_MAX];
    int64_t begun_us = clock_mono_us();
    int started = 0;

    if (!r.samples.us)
        return -1;
    r.end_us = begun_us + l->duration_us;
    while (started < l->threads && started < CONNECTIONS_MAX &&
           pthread_create(&threads[started], NULL, run_thread, &r) == 0)
        started++;
    for (int i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    sum_up(&r.samples, clock_mono_us() - begun_us, ret);
    free(r.samples.us);
    return started == l->threads ? 0 : -1;
}

/* ---- kept connections on one thread ---- */

struct raw_connection {
    int64_t begun_us;
    size_t have;
    char answer[ANSWER_MAX_BYTES];
};

static int connect_to(uint16_t port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

    if (fd < 0)
        return -1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(fd, (const struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    close(fd);
    return -1;
}

/* @return the length of a complete answer at the start of @p p, 0: more to come, -1: not understood
 */
static long answer_length(const char *p, size_t len)
{
    const char *end = memmem(p, len, "\r\n\r\n", 4);
    const char *field = memmem(p, len, "Content-Length: ", 16);
    int64_t body;
    size_t digits;

    if (!end)
        return 0;
    if (!field || field > end)
        return -1;
    digits = strspn(field + 16, "0123456789");
    if (text_to_i64((struct text){field + 16, digits}, &body) < 0)
        return -1;
    body += end + 4 - p;
    return (size_t)body <= len ? (long)body : 0;
}

static int send_request(int fd, struct raw_connection *c, const char *request)
{
    size_t len = strlen(request);

    c->begun_us = clock_mono_us();
    c->have = 0;
    return send(fd, request, len, MSG_NOSIGNAL) == (ssize_t)len ? 0 : -1;
}

static int receive(int fd, struct raw_connection *c, const struct raw_load *l, struct samples *s)
{
    ssize_t n = recv(fd, c->answer + c->have, sizeof c->answer - c->have, 0);
    long whole;

    if (n <= 0)
        return -1;
    c->have += (size_t)n;
    whole = answer_length(c->answer, c->have);
    if (whole == 0)
        return c->have < sizeof c->answer ? 0 : -1;
    if (whole < 0 || strncmp(c->answer, "HTTP/1.1 200", 12) != 0)
        return -1;
    add_sample(s, clock_mono_us() - c->begun_us);
    return send_request(fd, c, l->request);
}

static int raw_loop(const struct raw_load *l, struct pollfd *fds, struct raw_connection *c,
                    struct samples *s)
{
    int64_t end_us = clock_mono_us() + l->duration_us;

    for (int i = 0; i < l->connections; i++) {
        fds[i] = (struct pollfd){.fd = connect_to(l->port), .events = POLLIN};
        if (fds[i].fd < 0 || send_request(fds[i].fd, &c[i], l->request) < 0)
            return -1;
    }
    while (clock_mono_us() < end_us) {
        if (poll(fds, (nfds_t)l->connections, 1000) <= 0)
            return -1;
        for (int i = 0; i < l->connections; i++)
            if (fds[i].revents && receive(fds[i].fd, &c[i], l, s) < 0)
                return -1;
    }
    return 0;
}

int raw_load_run(const struct raw_load *l, struct load_result *ret)
{
    struct pollfd fds[CONNECTIONS_MAX];
    struct raw_connection *c = calloc((size_t)l->connections, sizeof *c);
    struct samples s = {.us = malloc(SAMPLES_MAX * sizeof(int64_t))};
    int64_t begun_us = clock_mono_us();
    int rc = -1;

    for (int i = 0; i < CONNECTIONS_MAX; i++)
        fds[i].fd = -1;
    if (c && s.us && l->connections <= CONNECTIONS_MAX)
        rc = raw_loop(l, fds, c, &s);
    for (int i = 0; i < CONNECTIONS_MAX; i++)
        if (fds[i].fd >= 0)
            close(fds[i].fd);
    if (rc == 0)
        sum_up(&s, clock_mono_us() - begun_us, ret);
    free(s.us);
    free(c);
    return rc;
}
