/* SPDX-License-Identifier: Apache-2.0 */
/** Do several blocking things at once. Private to services/. */
#ifndef CP_SERVICES_PARALLEL_H
#define CP_SERVICES_PARALLEL_H
#include <stddef.h>

#define PARALLEL_MAX 8

/**
 * Call @p fn(ctx, i) for every i below @p count, on up to PARALLEL_MAX threads and the caller's
 * own; returns when all are done. Where a thread cannot be had the caller's does its part. @p fn
 * must be safe on several threads at once.
 */
void parallel_for(size_t count, void (*fn)(void *ctx, size_t i), void *ctx);
#endif
