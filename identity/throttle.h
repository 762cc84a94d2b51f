/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Failed attempts by key (user and peer), bounded: the first few cost nothing, then each doubles
 * the wait. Threads: any. Nothing blocks but one short lock.
 */
#ifndef CP_THROTTLE_H
#define CP_THROTTLE_H
#include <stdint.h>

#define THROTTLE_ENTRIES 1024
#define THROTTLE_FREE_FAILURES 5
#define THROTTLE_MAX_WAIT_S 300
#define THROTTLE_FORGET_S 900 /* after the last failure */

struct throttle;
struct throttle *throttle_create(void);
void throttle_destroy(struct throttle *t);
/** @return seconds to wait before the next attempt of this pair; 0: go on. */
int throttle_wait_s(struct throttle *t, const char *user, const char *peer, int64_t now_s);
/** Count a failure. Parallel guesses are bounded by the queue of password.h, not here. */
void throttle_count(struct throttle *t, const char *user, const char *peer, int64_t now_s);
void throttle_clear(struct throttle *t, const char *user, const char *peer);
#endif
