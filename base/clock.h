/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Time: one base inside (microseconds), formats at the edges, never the process's time zone.
 * Threads: any. Nothing blocks.
 */
#ifndef CP_CLOCK_H
#define CP_CLOCK_H
#include "text.h"

#include <stddef.h>
#include <stdint.h>

#define US_PER_MS 1000
#define US_PER_S 1000000LL
#define CLOCK_TEXT_BYTES 32

/** @return CLOCK_MONOTONIC in microseconds: deadlines, durations. */
int64_t clock_mono_us(void);
/** @return Unix time in seconds: token checks, rows. */
int64_t clock_unix_s(void);
/** @return Unix time in microseconds. */
int64_t clock_unix_us(void);

/** Write @p unix_s as "YYYY-MM-DDThh:mm:ssZ" (RFC 3339) into @p ret. */
void clock_format_rfc3339(int64_t unix_s, char ret[CLOCK_TEXT_BYTES]);
/** Write @p unix_s, shifted by @p utc_offset_min minutes, as "YYYY-MM-DD hh:mm:ss" (rows and
 * contract times). */
void clock_format_local(int64_t unix_s, int utc_offset_min, char ret[CLOCK_TEXT_BYTES]);
/**
 * V-TIME (portal contract 9): "YYYY-MM-DDThh:mm:ssZ" shifted by @p utc_offset_min as "YYYY-MM-DD
 * hh:mm:ss".
 * @return the length written to @p ret; 0 (and "") for anything else, also for fractions and for
 * years over 9999.
 */
size_t clock_vtime(struct text rfc3339, int utc_offset_min, char ret[CLOCK_TEXT_BYTES]);
#endif
