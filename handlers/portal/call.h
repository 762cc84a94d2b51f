/* SPDX-License-Identifier: Apache-2.0 */
/** What every portal handler does first: turn the request into a service call and read the list
 * parameters. */
#ifndef CP_PORTAL_CALL_H
#define CP_PORTAL_CALL_H
#include "context.h"
#include "http.h"
#include "resources.h"

/** @return the service call of @p req; borrows from it. */
static inline struct svc_call call_of(struct http_req *req)
{
    return (struct svc_call){.services = req->app,
                             .arena = req->arena,
                             .principal = req->principal,
                             .deadline_us = req->deadline_us,
                             .cancel = req->cancel,
                             .request_id = req->request_id};
}

/** Read searchName, orderBy, order, offset, limit as they are; the service checks them (contract 6,
 * 8). */
static inline struct page_params page_params_of(struct http_req *req)
{
    return (struct page_params){.search_name = req_query_joined(req, "searchName"),
                                .order_by = req_query_joined(req, "orderBy"),
                                .order = req_query_joined(req, "order"),
                                .offset = req_query(req, "offset"),
                                .limit = req_query(req, "limit")};
}
#endif
