/* SPDX-License-Identifier: Apache-2.0 */
#include "net_internal.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#define CA_PEM_MAX_BYTES (1 << 20)

/* @return whether reading stopped because there was no further certificate, not because of a broken
 * one. */
static bool is_end_of_pem(void)
{
    unsigned long e = ERR_peek_last_error();

    return ERR_GET_LIB(e) == ERR_LIB_PEM && ERR_GET_REASON(e) == PEM_R_NO_START_LINE;
}

/* @return how many certificates went into @p store, or -1. */
static int add_certificates(X509_STORE *store, BIO *in)
{
    int count = 0;
    bool is_good = true;
    X509 *cert;

    ERR_clear_error();
    while (is_good && (cert = PEM_read_bio_X509(in, NULL, NULL, NULL)) != NULL) {
        /* Let OpenSSL parse the extensions now, not in the first loop threads that verify. */
        X509_check_purpose(cert, -1, 0);
        is_good = X509_STORE_add_cert(store, cert) == 1;
        X509_free(cert);
        count++;
    }
    is_good = is_good && is_end_of_pem();
    ERR_clear_error();
    return is_good ? count : -1;
}

X509_STORE *net_tls_store_from_pem(const char *pem, struct app_error *err)
{
    size_t len = strlen(pem);
    X509_STORE *store = X509_STORE_new();
    BIO *in = len <= CA_PEM_MAX_BYTES ? BIO_new_mem_buf(pem, (int)len) : NULL;
    int count = store && in ? add_certificates(store, in) : -1;

    BIO_free(in);
    if (count <= 0) {
        X509_STORE_free(store);
        app_fail(err, APP_BAD_REQUEST, "net: the CA certificates cannot be read");
        return NULL;
    }
    /* An intermediate or a self-signed server certificate may be the trust anchor, as in kubeconfig
     * files. */
    X509_STORE_set_flags(store, X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN);
    return store;
}

X509_STORE *net_tls_store_of_system(struct net *n, struct app_error *err)
{
    X509_STORE *store;

    pthread_mutex_lock(&n->mutex);
    if (!n->system_store) {
        n->system_store = X509_STORE_new();
        if (n->system_store && X509_STORE_set_default_paths(n->system_store) != 1) {
            X509_STORE_free(n->system_store);
            n->system_store = NULL;
        }
        ERR_clear_error();
    }
    store = n->system_store;
    if (store)
        X509_STORE_up_ref(store);
    pthread_mutex_unlock(&n->mutex);
    if (!store)
        app_fail(err, APP_INTERNAL, "net: no system trust store");
    return store;
}

static bool leaf_digest(X509_STORE_CTX *ctx, unsigned char ret[NET_PIN_BYTES])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    X509 *leaf = X509_STORE_CTX_get0_cert(ctx);

    if (!leaf || X509_digest(leaf, EVP_sha256(), digest, &len) != 1 || len != NET_PIN_BYTES)
        return false;
    memcpy(ret, digest, NET_PIN_BYTES);
    return true;
}

/* Stands in for OpenSSL's whole chain check: this leaf and no other, whatever its dates and names
 * say. */
static int accept_pinned_leaf(X509_STORE_CTX *ctx, void *arg)
{
    const struct net_pool *p = arg;
    unsigned char digest[NET_PIN_BYTES];
    bool is_same = leaf_digest(ctx, digest) && memcmp(digest, p->pin, NET_PIN_BYTES) == 0;

    X509_STORE_CTX_set_error(ctx, is_same ? X509_V_OK : X509_V_ERR_CERT_REJECTED);
    return is_same;
}

static int write_down_leaf(X509_STORE_CTX *ctx, void *arg)
{
    struct net_pool *p = arg;

    p->has_pin = leaf_digest(ctx, p->pin);
    X509_STORE_CTX_set_error(ctx, p->has_pin ? X509_V_OK : X509_V_ERR_CERT_REJECTED);
    return p->has_pin;
}

CURLcode net_tls_prepare_context(CURL *easy, void *ssl_ctx, void *pool)
{
    SSL_CTX *ctx = ssl_ctx;
    struct net_pool *p = pool;

    (void)easy;
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION);
    switch (p->trust) {
    case TRUST_CHAIN: /* parsed once, not for each connection as CURLOPT_CAINFO_BLOB would be */
        SSL_CTX_set1_cert_store(ctx, p->store);
        return CURLE_OK;
    case TRUST_PIN:
        SSL_CTX_set_cert_verify_callback(ctx, accept_pinned_leaf, p);
        return CURLE_OK;
    case TRUST_READ:
        SSL_CTX_set_cert_verify_callback(ctx, write_down_leaf, p);
        return CURLE_OK;
    case TRUST_NONE:
        break;
    }
    return CURLE_SSL_CERTPROBLEM;
}
