/* SPDX-License-Identifier: Apache-2.0 */
/** Private to db/: the key under which an API address is unique. */
#ifndef CP_CLUSTER_URL_H
#define CP_CLUSTER_URL_H
#include "text.h"

#define URL_KEY_BYTES 32

/**
 * SHA-256 of @p url with scheme and authority in lower case, without the scheme's default port and
 * without trailing slashes: the same address gives the same key however it was typed.
 * @return 0, or -1 (no scheme, longer than 2,048 bytes, or the digest failed).
 */
int cluster_url_key(struct text url, unsigned char ret[URL_KEY_BYTES]);
#endif
