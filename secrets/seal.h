/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Private to secrets/: AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce. What is
 * authenticated besides the value: the path and the key id, so a row that is copied to another path
 * or relabelled does not open. At most 2^32 seals per key (SP 800-38D 8.3): rotate before.
 */
#ifndef CP_SEAL_H
#define CP_SEAL_H
#include "keyring.h"
#include "text.h"

#define SEAL_NONCE_BYTES 12
#define SEAL_TAG_BYTES 16

/** @p ret_sealed has value.len + SEAL_TAG_BYTES bytes. @return 0, or -1 with APP_INTERNAL. */
int seal(const struct seal_key *key, struct text path, struct text value,
         unsigned char ret_nonce[SEAL_NONCE_BYTES], unsigned char *ret_sealed,
         struct app_error *err) __attribute__((warn_unused_result));
/** @p ret_value has sealed.len - SEAL_TAG_BYTES bytes; wiped on failure. @return 0, or -1. */
int seal_open(const struct seal_key *key, struct text path, struct text nonce, struct text sealed,
              unsigned char *ret_value) __attribute__((warn_unused_result));
#endif
