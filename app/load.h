/* SPDX-License-Identifier: Apache-2.0 */
/** A small load generator for cp-portal bench. Blocks; starts and joins its own threads. */
#ifndef CP_LOAD_H
#define CP_LOAD_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct load {
    int threads;
    int64_t duration_us;
    bool (*once)(void *ctx); /* one request; false: it failed */
    void *ctx;               /* shared by the threads */
};

struct load_result {
    uint64_t requests, failures;
    double per_s;
    int64_t p50_us, p99_us;
};

/** Run @p l. @return 0, or -1 when threads or memory cannot be had. */
int load_run(const struct load *l, struct load_result *ret);

struct raw_load {
    uint16_t port;       /* on 127.0.0.1 */
    const char *request; /* whole HTTP/1.1 request, sent over and over on kept connections */
    int connections;
    int64_t duration_us;
};
/** As load_run() over plain kept connections on one thread, for answers with Content-Length. */
int raw_load_run(const struct raw_load *l, struct load_result *ret);
#endif
