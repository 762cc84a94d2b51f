/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The change sequence (cpx_change): one counter a topic, bumped in the transaction of each write,
 * so that every replica learns by one cheap statement that its caches are old. Errors: db.h.
 */
#ifndef CP_CHANGE_STORE_H
#define CP_CHANGE_STORE_H
#include "db.h"

#include <stdint.h>

enum change_topic { CHANGE_USERS, CHANGE_CLUSTERS, CHANGE_SECRETS, CHANGE_TOPIC_COUNT };

struct change_seqs {
    int64_t seq[CHANGE_TOPIC_COUNT];
};

/** Read all counters in one statement. */
int change_store_read(struct db_pool *pool, struct change_seqs *ret, struct app_error *err)
    __attribute__((warn_unused_result));
/** Bump one topic on its own (after an outside change that caches must notice). */
int change_store_bump(struct db_pool *pool, enum change_topic topic, struct app_error *err)
    __attribute__((warn_unused_result));
#endif
