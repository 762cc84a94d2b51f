/* SPDX-License-Identifier: Apache-2.0 */
#include "breaker.h"

#include <assert.h>
#include <string.h>

void kube_breaker_init(struct kube_breaker *b)
{
    memset(b, 0, sizeof(*b));
    pthread_mutex_init(&b->lock, NULL);
}

void kube_breaker_finish(struct kube_breaker *b)
{
    pthread_mutex_destroy(&b->lock);
}

static enum breaker_pass admit(struct kube_breaker *b, int64_t now_us)
{
    if (b->open_until_us == 0)
        return BREAKER_PASSED;
    if (b->is_probing || now_us < b->open_until_us)
        return BREAKER_REFUSED;
    b->is_probing = true;
    return BREAKER_PROBE;
}

enum breaker_pass kube_breaker_admit(struct kube_breaker *b, int64_t now_us)
{
    enum breaker_pass pass;

    pthread_mutex_lock(&b->lock);
    pass = admit(b, now_us);
    pthread_mutex_unlock(&b->lock);
    return pass;
}

static void probe_ended(struct kube_breaker *b, enum breaker_outcome outcome, int64_t now_us)
{
    b->is_probing = false;
    if (outcome == BREAKER_OK) {
        b->open_until_us = 0;
        b->failures = 0;
    } else if (outcome == BREAKER_FAILED) {
        b->open_until_us = now_us + BREAKER_OPEN_US;
    }
}

/* The slot that the next failure overwrites holds the oldest of the last five. */
static void count_failure(struct kube_breaker *b, int64_t now_us)
{
    b->failed_us[b->failures++ % BREAKER_FAILURES] = now_us;
    if (b->failures < BREAKER_FAILURES)
        return;
    if (now_us - b->failed_us[b->failures % BREAKER_FAILURES] > BREAKER_WINDOW_US)
        return;
    b->open_until_us = now_us + BREAKER_OPEN_US;
}

void kube_breaker_report(struct kube_breaker *b, enum breaker_pass pass,
                         enum breaker_outcome outcome, int64_t now_us)
{
    assert(pass != BREAKER_REFUSED);
    pthread_mutex_lock(&b->lock);
    if (pass == BREAKER_PROBE)
        probe_ended(b, outcome, now_us);
    else if (outcome == BREAKER_FAILED && b->open_until_us == 0)
        count_failure(b, now_us);
    pthread_mutex_unlock(&b->lock);
}

bool kube_breaker_is_open(struct kube_breaker *b)
{
    bool is_open;

    pthread_mutex_lock(&b->lock);
    is_open = b->open_until_us != 0;
    pthread_mutex_unlock(&b->lock);
    return is_open;
}
