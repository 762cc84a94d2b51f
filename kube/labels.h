/* SPDX-License-Identifier: Apache-2.0 */
/** The labels in use, for select boxes (portal contract 13.14, pods/labels). Pure. Threads: any. */
#ifndef CP_KUBE_LABELS_H
#define CP_KUBE_LABELS_H
#include "buf.h"
#include "error.h"
#include "text.h"

/**
 * Append one object {"key":["value",...],...} of all distinct values, keys and values in bytewise
 * order (the contract leaves the order open).
 *
 * @param rows  rows of kube_view_labels, comma separated (kube_list_request.rows_only)
 * @return 0, or -1 with APP_UPSTREAM_BROKEN (a key that holds NUL; @p ret's maximum) or
 * APP_INTERNAL (no memory)
 */
int kube_labels_collect(struct text rows, struct buf *ret, struct app_error *err)
    __attribute__((nonnull, warn_unused_result));
#endif
