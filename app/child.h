/* SPDX-License-Identifier: Apache-2.0 */
/** A second server process with the same configuration on ports of its own, for cp-portal bench. */
#ifndef CP_CHILD_H
#define CP_CHILD_H
#include "error.h"

#include <stdint.h>
#include <sys/types.h>

struct child {
    pid_t pid; /* 0: not running */
    uint16_t portal_port, management_port;
    int64_t ready_us; /* from exec to the first 200 of /readyz */
    int64_t idle_rss_kib;
};

/** Start this program as a server and wait until it is ready. @return 0, or -1 with APP_INTERNAL.
 * Blocks up to 10 s. */
int child_start(struct child *c, const char *config_path, const char *issuer_name,
                struct app_error *err);
/** Ask it to end and wait for it. */
void child_stop(struct child *c);
/** CPU time it has used so far, all threads, in microseconds. */
int64_t child_cpu_us(const struct child *c);
/** Its resident memory in KiB, or 0. */
int64_t child_rss_kib(const struct child *c);
#endif
