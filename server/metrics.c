/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics.h"
#include "counters.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static const int64_t bounds_us[METRICS_BUCKETS] = {
    100,   250,    500,    1000,   2500,    5000,    10000,    25000,
    50000, 100000, 250000, 500000, 1000000, 2500000, 10000000,
};

void metrics_note(struct route_metrics *m, enum app_code code, int64_t duration_us)
{
    int b = 0;

    while (b < METRICS_BUCKETS && duration_us > bounds_us[b])
        b++;
    atomic_fetch_add_explicit(&m->count[code], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&m->bucket[b], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&m->duration_us, (uint64_t)duration_us, memory_order_relaxed);
}

static unsigned long long load(const _Atomic uint64_t *v)
{
    return atomic_load_explicit(v, memory_order_relaxed);
}

void metrics_write_counts_head(struct buf *out)
{
    buf_append_str(out, "# HELP cp_http_requests_total Requests by route and how they ended.\n"
                        "# TYPE cp_http_requests_total counter\n");
}

void metrics_write_counts(struct buf *out, const struct route_metrics *m, const char *api,
                          const char *route)
{
    for (int c = 0; c < APP_CODE_COUNT; c++) {
        if (load(&m->count[c]) == 0)
            continue;
        buf_printf(out, "cp_http_requests_total{api=\"%s\",route=\"%s\",code=\"%s\"} %llu\n", api,
                   route, app_code_name((enum app_code)c), load(&m->count[c]));
    }
}

void metrics_write_durations_head(struct buf *out)
{
    buf_append_str(out, "# HELP cp_http_request_duration_seconds From the header to the end of the "
                        "answer.\n# TYPE cp_http_request_duration_seconds histogram\n");
}

void metrics_write_durations(struct buf *out, const struct route_metrics *m, const char *api,
                             const char *route)
{
    static const char name[] = "cp_http_request_duration_seconds";
    unsigned long long sum = 0;

    for (int b = 0; b <= METRICS_BUCKETS; b++)
        sum += load(&m->bucket[b]);
    if (sum == 0)
        return;
    sum = 0;
    for (int b = 0; b <= METRICS_BUCKETS; b++) {
        sum += load(&m->bucket[b]);
        buf_printf(out, "%s_bucket{api=\"%s\",route=\"%s\",le=", name, api, route);
        if (b < METRICS_BUCKETS)
            buf_printf(out, "\"%g\"} %llu\n", (double)bounds_us[b] / 1e6, sum);
        else
            buf_printf(out, "\"+Inf\"} %llu\n", sum);
    }
    buf_printf(out, "%s_sum{api=\"%s\",route=\"%s\"} %.6f\n", name, api, route,
               (double)load(&m->duration_us) / 1e6);
    buf_printf(out, "%s_count{api=\"%s\",route=\"%s\"} %llu\n", name, api, route, sum);
}

void metrics_write_gauge(struct buf *out, const char *name, const char *help, int64_t value)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s gauge\n%s %lld\n", name, help, name, name,
               (long long)value);
}

/* @return resident bytes, or 0 when /proc cannot be read. */
static int64_t resident_bytes(void)
{
    char text[128] = "", *end = text;
    long long resident;
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return 0;
    if (read(fd, text, sizeof text - 1) <= 0)
        text[0] = '\0';
    close(fd);
    (void)strtoll(text, &end, 10); /* the first number is the whole program's size */
    resident = strtoll(end, NULL, 10);
    return (int64_t)resident * sysconf(_SC_PAGESIZE);
}

void metrics_write_process(struct buf *out)
{
    for (int c = 0; c < CTR_COUNT; c++) {
        const char *name = counter_name((enum counter)c);

        buf_printf(out, "# HELP cp_%s_total %s\n# TYPE cp_%s_total counter\ncp_%s_total %llu\n",
                   name, counter_help((enum counter)c), name, name,
                   (unsigned long long)counter_get((enum counter)c));
    }
    metrics_write_gauge(out, "process_resident_memory_bytes", "Resident memory.", resident_bytes());
    buf_printf(out,
               "# HELP cp_build_info Version.\n# TYPE cp_build_info gauge\n"
               "cp_build_info{version=\"%s\"} 1\n",
               CP_VERSION);
}
