/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A circuit breaker: 5 failures within 10 s open it for 10 s, then one probe at a time may pass
 * (promises-and-limits 2). The caller brings the time, so that tests need no waiting. Failures are
 * those of the connection and of the protocol; an answer of the API server, 5xx too, is a success.
 * Threads: any; a short lock, never blocks.
 */
#ifndef CP_KUBE_BREAKER_H
#define CP_KUBE_BREAKER_H
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define BREAKER_FAILURES 5
#define BREAKER_WINDOW_US 10000000LL
#define BREAKER_OPEN_US 10000000LL

enum breaker_outcome {
    BREAKER_OK,
    BREAKER_FAILED,
    BREAKER_NEUTRAL /* says nothing about the peer: cancelled, our own limits */
};

struct kube_breaker {
    pthread_mutex_t lock;
    int64_t failed_us[BREAKER_FAILURES]; /* ring of the newest failures */
    unsigned failures;                   /* recorded since it was closed */
    int64_t open_until_us;               /* 0: closed */
    bool is_probing;                     /* half-open, the probe is under way */
};

/** What a call was let through as; given back to kube_breaker_report(). */
enum breaker_pass { BREAKER_REFUSED, BREAKER_PASSED, BREAKER_PROBE };

void kube_breaker_init(struct kube_breaker *b);
void kube_breaker_finish(struct kube_breaker *b);
/** Ask before a call. Anything but BREAKER_REFUSED must be reported exactly once. */
enum breaker_pass kube_breaker_admit(struct kube_breaker *b, int64_t now_us);
/** Tell how the call ended. Calls admitted before the breaker opened change nothing once it is
 * open. */
void kube_breaker_report(struct kube_breaker *b, enum breaker_pass pass,
                         enum breaker_outcome outcome, int64_t now_us);
/** @return true while calls are refused or only a probe passes; for metrics. */
bool kube_breaker_is_open(struct kube_breaker *b);
#endif
