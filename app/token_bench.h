/* SPDX-License-Identifier: Apache-2.0 */
/** What one token check costs, measured in this process with a key made for it. */
#ifndef CP_TOKEN_BENCH_H
#define CP_TOKEN_BENCH_H

struct token_bench {
    double cached_us;   /* a token seen before */
    double uncached_us; /* a token seen for the first time, key known */
    double verify_us;   /* the base: one bare RSA-2048 signature check */
};

/** @return 0, or -1 when a step fails. Takes about a second. */
int token_bench_run(struct token_bench *ret);
#endif
