/* SPDX-License-Identifier: Apache-2.0 */
#include "impersonate.h"

#include "codec.h"
#include "net.h"
#include "text.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#define ACCOUNT_PREFIX "u-"
#define ACCOUNT_HASH_BYTES 20
/* KUBE_EXTRA_USER as a header name: the API server lower-cases and percent-decodes what follows the
 * prefix. */
#define EXTRA_HEADER "Impersonate-Extra-portal.k-paas.org%2Fuser"

static const char *const super_admin_groups[] = {KUBE_SUPER_ADMIN_GROUP};

/*
 * A subject that looks like a hashed name, or like the account that every namespace has for its
 * pods, is hashed too: otherwise two people, or a person and the pods, would share an account.
 */
static bool is_its_own_account(struct text id)
{
    return text_is_dns1123_label(id) && !text_starts_with(id, ACCOUNT_PREFIX) &&
           !text_eq_str(id, "default");
}

int kube_account_name(const char *auth_id, char ret[KUBE_ACCOUNT_BYTES])
{
    struct text id = text_of(auth_id);
    unsigned char hash[SHA256_DIGEST_LENGTH];

    if (id.len == 0)
        return -1;
    if (is_its_own_account(id)) {
        memcpy(ret, id.p, id.len + 1);
        return 0;
    }
    SHA256((const unsigned char *)id.p, id.len, hash);
    memcpy(ret, ACCOUNT_PREFIX, sizeof(ACCOUNT_PREFIX));
    hex_encode(hash, ACCOUNT_HASH_BYTES, ret + sizeof(ACCOUNT_PREFIX) - 1);
    return 0;
}

static int service_account(struct arena *a, const char *namespace_name, const char *auth_id,
                           struct kube_identity *ret, struct app_error *err)
{
    char account[KUBE_ACCOUNT_BYTES];

    if (kube_account_name(auth_id, account) < 0)
        return app_fail(err, APP_INTERNAL, "identity without an auth id");
    ret->user = arena_printf(a, "system:serviceaccount:%s:%s", namespace_name, account);
    return 0;
}

static int namespace_user(struct arena *a, const char *namespace_name, const char *auth_id,
                          struct kube_identity *ret, struct app_error *err)
{
    struct text ns = text_of(namespace_name);

    if (!text_is_dns1123_label(ns) || text_eq_nocase(ns, TEXT("all")))
        return app_fail(err, APP_FORBIDDEN, "a namespace user needs one namespace");
    return service_account(a, namespace_name, auth_id, ret, err);
}

static int super_admin(struct arena *a, const char *auth_id, struct kube_identity *ret)
{
    const char *name = uri_encode(a, text_of(auth_id));

    ret->user = name ? arena_printf(a, "cp-portal:%s", name) : NULL;
    ret->groups = super_admin_groups;
    ret->group_count = 1;
    return 0;
}

static int identity_of(struct arena *a, enum kube_authority authority, const char *auth_id,
                       const char *namespace_name, struct kube_identity *ret, struct app_error *err)
{
    switch (authority) {
    case KUBE_AS_USER:
        return namespace_user(a, namespace_name, auth_id, ret, err);
    case KUBE_AS_CLUSTER_ADMIN:
        return service_account(a, KUBE_ADMIN_NAMESPACE, auth_id, ret, err);
    case KUBE_AS_SUPER_ADMIN:
        return super_admin(a, auth_id, ret);
    case KUBE_AS_NONE:
    default:
        return app_fail(err, APP_FORBIDDEN, "no authority in this cluster");
    }
}

int kube_identity_for(struct arena *a, enum kube_authority authority, const char *auth_id,
                      const char *namespace_name, struct kube_identity *ret, struct app_error *err)
{
    struct kube_identity id = {0};

    if (!auth_id || !*auth_id)
        return app_fail(err, APP_INTERNAL, "identity without an auth id");
    if (identity_of(a, authority, auth_id, namespace_name, &id, err) < 0)
        return -1;
    id.portal_user = arena_strdup(a, auth_id);
    if (!id.user || !id.portal_user)
        return app_fail(err, APP_INTERNAL, "out of memory");
    *ret = id;
    return 0;
}

static bool is_header_safe(const char *s)
{
    if (!s || !*s)
        return false;
    for (; *s; s++)
        if ((unsigned char)*s <= ' ' || (unsigned char)*s > '~')
            return false;
    return true;
}

int kube_identity_headers(struct arena *a, const struct kube_identity *id, struct net_header *ret,
                          size_t *ret_count, struct app_error *err)
{
    size_t n = 0;
    char *extra = uri_encode(a, text_of(id->portal_user));

    /* An identity without a name would be a call with the cluster's own power: never send it. */
    if (!is_header_safe(id->user) || !is_header_safe(extra) ||
        id->group_count > KUBE_IDENTITY_HEADERS_MAX - 2)
        return app_fail(err, APP_INTERNAL, "identity is not complete");
    ret[n++] = (struct net_header){"Impersonate-User", id->user};
    for (size_t i = 0; i < id->group_count; i++) {
        if (!is_header_safe(id->groups[i]))
            return app_fail(err, APP_INTERNAL, "group is not header safe");
        ret[n++] = (struct net_header){"Impersonate-Group", id->groups[i]};
    }
    ret[n++] = (struct net_header){EXTRA_HEADER, extra};
    *ret_count = n;
    return 0;
}
