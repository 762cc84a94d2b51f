/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster_url.h"

#include "buf.h"
#include "cleanup.h"

#include <openssl/evp.h>

#define URL_MAX_BYTES 2048

static void append_lower(struct buf *b, struct text t)
{
    for (size_t i = 0; i < t.len; i++) {
        char c = t.p[i];

        buf_append_char(b, (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c));
    }
}

static struct text without_suffix(struct text t, const char *suffix)
{
    size_t len = strlen(suffix);

    if (t.len >= len && memcmp(t.p + t.len - len, suffix, len) == 0)
        t.len -= len;
    return t;
}

static void normalise(struct text url, size_t scheme_len, struct buf *b)
{
    struct text scheme = {url.p, scheme_len};
    struct text host = {url.p + scheme_len + 3, url.len - scheme_len - 3};
    const char *slash = memchr(host.p, '/', host.len);
    struct text path = {slash, slash ? (size_t)(host.p + host.len - slash) : 0};

    host.len -= path.len;
    if (text_eq_nocase(scheme, TEXT("https")))
        host = without_suffix(host, ":443");
    else if (text_eq_nocase(scheme, TEXT("http")))
        host = without_suffix(host, ":80");
    while (path.len && path.p[path.len - 1] == '/')
        path.len--;
    append_lower(b, scheme);
    buf_append_str(b, "://");
    append_lower(b, host);
    buf_append(b, path.p, path.len);
}

int cluster_url_key(struct text url, unsigned char ret[URL_KEY_BYTES])
{
    struct buf b AUTO(buf_finish_p) = BUF_INIT(URL_MAX_BYTES);
    const char *mark = url.len ? memmem(url.p, url.len, "://", 3) : NULL;

    if (!mark || mark == url.p || url.len > URL_MAX_BYTES)
        return -1;
    normalise(url, (size_t)(mark - url.p), &b);
    if (buf_failed(&b) || !EVP_Digest(b.data, b.len, ret, NULL, EVP_sha256(), NULL))
        return -1;
    return 0;
}
