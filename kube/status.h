/* SPDX-License-Identifier: Apache-2.0 */
/** From an upstream's HTTP answer to our error (contract 5.4 rows 1, 2, 12; errata P16, P17). Pure.
 */
#ifndef CP_KUBE_STATUS_H
#define CP_KUBE_STATUS_H
#include "error.h"
#include "net.h"

/** @return APP_OK for 200-299; APP_UPSTREAM_BROKEN for 1xx and 3xx. */
enum app_code kube_status_code(int http_status);
/** @return true when header value @p content_type names @p media_type, whatever its parameters. */
bool kube_is_media_type(const char *content_type, const char *media_type);
/**
 * Judge @p res: its status, then that there is a body (204 needs none when @p may_be_empty) of
 * media type @p accept. The error's detail holds status and the Status object's "reason", never the
 * message (it may quote values).
 */
int kube_check_answer(const struct net_response *res, const char *accept, bool may_be_empty,
                      struct app_error *err);
#endif
