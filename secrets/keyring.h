/* SPDX-License-Identifier: Apache-2.0 */
/** Private to secrets/: the keys of the key file, in its order. */
#ifndef CP_KEYRING_H
#define CP_KEYRING_H
#include "error.h"

#include <stddef.h>

#define SEAL_KEY_BYTES 32
#define KEY_ID_MAX_BYTES 63
#define KEYRING_MAX_KEYS 16

struct seal_key {
    char id[KEY_ID_MAX_BYTES + 1];
    unsigned char bytes[SEAL_KEY_BYTES];
};

struct keyring {
    struct seal_key keys[KEYRING_MAX_KEYS]; /* the first seals */
    size_t count;                           /* at least 1 after a load */
};

/**
 * Read @p file: lines "key-id:64 hex digits", empty lines and lines beginning with # are skipped.
 * Refused: a file others may read or the group may write (systemd credentials and Kubernetes
 * secrets are readable by the group), a bad line, an id twice, no key.
 * @return 0, or -1 with APP_INTERNAL and a detail that names file and line, never a key.
 */
int keyring_load(struct keyring *ring, const char *file, struct app_error *err);
/** Wipe all keys. */
void keyring_wipe(struct keyring *ring);
/** @return the key, or NULL. */
const struct seal_key *keyring_find(const struct keyring *ring, const char *id);
#endif
