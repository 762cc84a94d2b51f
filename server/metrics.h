/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Counts and durations per route, in Prometheus text. Labels come from route tables and error names
 * only, never from a client. Threads: any (relaxed atomics); nothing blocks.
 */
#ifndef CP_METRICS_H
#define CP_METRICS_H
#include "buf.h"
#include "error.h"

#include <stdatomic.h>
#include <stdint.h>

#define METRICS_BUCKETS 15

struct route_metrics {
    _Atomic uint64_t count[APP_CODE_COUNT]; /* by how the request ended; APP_OK: answered */
    _Atomic uint64_t bucket[METRICS_BUCKETS + 1];
    _Atomic uint64_t duration_us;
};

void metrics_note(struct route_metrics *m, enum app_code code, int64_t duration_us);
/** Append the samples of one route: @p api and @p route are label values. Routes without a request
 * are left out. */
void metrics_write_counts(struct buf *out, const struct route_metrics *m, const char *api,
                          const char *route);
void metrics_write_durations(struct buf *out, const struct route_metrics *m, const char *api,
                             const char *route);
/** The HELP and TYPE lines of the two families above. */
void metrics_write_counts_head(struct buf *out);
void metrics_write_durations_head(struct buf *out);
/** The counters of base/counters.h, resident memory and version. */
void metrics_write_process(struct buf *out);
/** One gauge without labels. */
void metrics_write_gauge(struct buf *out, const char *name, const char *help, int64_t value);
#endif
