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
/**
 * Begin an attempt of this pair, which counts as a failure until it ends otherwise: attempts at the
 * same time are as many failures.
 * @return 0: go on, and say with throttle_clear() or throttle_take_back() if it was none; or the
 * seconds to wait before the next attempt, and nothing is counted.
 */
int throttle_begin(struct throttle *t, const char *user, const char *peer, int64_t now_s);
/** The attempt could not be judged. */
void throttle_take_back(struct throttle *t, const char *user, const char *peer);
/** The attempt was right. */
void throttle_clear(struct throttle *t, const char *user, const char *peer);
#endif
