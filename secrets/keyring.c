/* SPDX-License-Identifier: Apache-2.0 */
#include "keyring.h"

#include "codec.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX_BYTES 4096
#define FORBIDDEN_MODE (S_IWGRP | S_IXGRP | S_IRWXO)

void keyring_wipe(struct keyring *ring)
{
    OPENSSL_cleanse(ring, sizeof *ring);
}

const struct seal_key *keyring_find(const struct keyring *ring, const char *id)
{
    for (size_t i = 0; i < ring->count; i++)
        if (strcmp(ring->keys[i].id, id) == 0)
            return &ring->keys[i];
    return NULL;
}

static bool is_key_id(struct text t)
{
    if (t.len == 0 || t.len > KEY_ID_MAX_BYTES)
        return false;
    for (size_t i = 0; i < t.len; i++) {
        char c = t.p[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            c != '-' && c != '_' && c != '.')
            return false;
    }
    return true;
}

/* @return what is wrong with the line, or NULL */
static const char *parse_line(struct keyring *ring, struct text line)
{
    struct seal_key *key = &ring->keys[ring->count];
    const char *colon = memchr(line.p, ':', line.len);
    size_t id_len = colon ? (size_t)(colon - line.p) : 0;

    if (!colon || !is_key_id((struct text){line.p, id_len}))
        return "not \"key-id:64 hex digits\"";
    if (ring->count == KEYRING_MAX_KEYS)
        return "too many keys";
    memcpy(key->id, line.p, id_len);
    key->id[id_len] = '\0';
    if (keyring_find(ring, key->id))
        return "this key id is there twice";
    if (hex_decode((struct text){colon + 1, line.len - id_len - 1}, key->bytes, SEAL_KEY_BYTES) < 0)
        return "the key is not 64 hex digits";
    ring->count++;
    return NULL;
}

static int parse_lines(struct keyring *ring, struct text rest, const char *file,
                       struct app_error *err)
{
    for (int number = 1; rest.len; number++) {
        const char *end = memchr(rest.p, '\n', rest.len);
        struct text line = {rest.p, end ? (size_t)(end - rest.p) : rest.len};
        const char *wrong = NULL;

        if (line.len && line.p[0] != '#')
            wrong = parse_line(ring, line);
        if (wrong)
            return app_fail(err, APP_INTERNAL, "%s:%d: %s", file, number, wrong);
        rest.p += line.len + (end ? 1 : 0);
        rest.len -= line.len + (end ? 1 : 0);
    }
    return ring->count ? 0 : app_fail(err, APP_INTERNAL, "%s: no key", file);
}

static int check_file(int fd, const char *file, struct app_error *err)
{
    struct stat st;

    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return app_fail(err, APP_INTERNAL, "%s: not a regular file", file);
    if (st.st_mode & FORBIDDEN_MODE)
        return app_fail(err, APP_INTERNAL, "%s: mode %03o lets others at it; chmod 600", file,
                        (unsigned)(st.st_mode & 0777));
    return 0;
}

static int read_all(int fd, char *ret, size_t room, size_t *ret_len)
{
    size_t len = 0;

    for (;;) {
        ssize_t n = read(fd, ret + len, room - len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || len + (size_t)n == room)
            return -1;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    *ret_len = len;
    return 0;
}

static int load(struct keyring *ring, int fd, const char *file, struct app_error *err)
{
    char content[FILE_MAX_BYTES + 1];
    size_t len = 0;
    int rc;

    if (check_file(fd, file, err) < 0)
        return -1;
    if (read_all(fd, content, sizeof content, &len) < 0)
        rc = app_fail(err, APP_INTERNAL, "%s: unreadable or longer than %d bytes", file,
                      FILE_MAX_BYTES);
    else
        rc = parse_lines(ring, (struct text){content, len}, file, err);
    OPENSSL_cleanse(content, sizeof content);
    return rc;
}

int keyring_load(struct keyring *ring, const char *file, struct app_error *err)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int rc;

    memset(ring, 0, sizeof *ring);
    if (fd < 0)
        return app_fail(err, APP_INTERNAL, "%s: cannot be opened (error %d)", file, errno);
    rc = load(ring, fd, file, err);
    close(fd);
    if (rc < 0)
        keyring_wipe(ring);
    return rc;
}
