/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Who is calling, and with which rights: token verification joined with the rights rows of the
 * database.
 *
 * Rights are cached per person and dropped when the change sequence of the users moves; the
 * sequence is read again at most ACCESS_POLL_US after the last time, so a change made through any
 * server is seen within that (design 9.7).
 */
#ifndef CP_SERVICES_ACCESS_H
#define CP_SERVICES_ACCESS_H
#include "context.h"
#include "text.h"

#define ACCESS_POLL_US 1000000

/**
 * Verify an Authorization header and fill in type and grants. *ret lives in @p a.
 * @return 0, or -1 with APP_TOKEN_MISSING, _INVALID, _EXPIRED, or APP_DATABASE when the rights
 * cannot be read. Threads: any. May block on the issuer's key set and the database.
 */
int access_authenticate(struct services *s, struct text authorization, int64_t deadline_us,
                        struct arena *a, const struct principal **ret, struct app_error *err)
    __attribute__((warn_unused_result));
/**
 * As access_authenticate(), for threads that must not wait.
 * @return 0, -1 with a refusal, or 1 when a key or the rights would have to be fetched: nothing is
 * set, call access_authenticate() on a thread that may wait.
 */
int access_try_authenticate(struct services *s, struct text authorization, struct arena *a,
                            const struct principal **ret, struct app_error *err)
    __attribute__((warn_unused_result));

/**
 * Record that the caller was refused by a rule (promise P10). A failure to record is logged: the
 * answer is a refusal either way. Blocks on the database.
 */
void access_record_refusal(const struct svc_call *call, const char *action, const char *target,
                           const char *why);
/** Read the rights of one person from the database, past the cache. On success type and grants of
 * @p p are set. */
int access_load_rights(struct services *s, struct arena *a, struct principal *p,
                       struct app_error *err) __attribute__((warn_unused_result));
/** Forget what is cached about everybody: after a change made by this process. */
void access_forget(struct services *s);
#endif
