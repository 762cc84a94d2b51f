/* SPDX-License-Identifier: Apache-2.0 */
/** Private to db/: the change sequence inside a transaction. */
#ifndef CP_CHANGE_H
#define CP_CHANGE_H
#include "change_store.h"
#include "sql.h"

/**
 * Bump @p topic in the running transaction. It locks the topic's row until the commit, so bumping
 * *first* makes all writers of a topic take turns. Several topics: in the order of the enum.
 */
int change_bump(struct db *db, enum change_topic topic, struct app_error *err)
    __attribute__((warn_unused_result));
#endif
