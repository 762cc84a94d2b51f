/* SPDX-License-Identifier: Apache-2.0 */
/* Sealed rows: what opens, what must not, rotation; the key file. Keys are made by the test. */
#include "cleanup.h"
#include "rig_mariadb.h"
#include "secrets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define KEY_FILE_BYTES 64

struct key_file {
    char path[KEY_FILE_BYTES];
};

static void write_text(struct key_file *f, const char *text, mode_t mode)
{
    int fd;

    snprintf(f->path, sizeof f->path, "/tmp/cp-unit-key-XXXXXX");
    fd = mkstemp(f->path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static void new_line(char ret[SECRETS_KEY_LINE_BYTES])
{
    assert_int_equal(secrets_generate_key_line(ret, NULL), 0);
}

/* Secrets under the keys of @p text. */
static struct secrets *open_with(const struct rig_schema *s, const char *text)
{
    struct app_error err = {0};
    struct key_file f;
    struct secrets *secrets;

    write_text(&f, text, 0600);
    secrets = secrets_create(s->pool, f.path, &err);
    unlink(f.path);
    if (!secrets)
        fail_msg("%s", err.detail);
    return secrets;
}

static struct secrets *open_with_new_key(const struct rig_schema *s)
{
    char line[SECRETS_KEY_LINE_BYTES];

    new_line(line);
    return open_with(s, line);
}

static void expect(struct secrets *s, const char *path, struct text want)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(1 * MIB);
    struct app_error err = {0};
    struct text have;

    if (secrets_get(s, a, path, &have, &err) < 0)
        fail_msg("%s: %s", path, err.detail);
    assert_true(text_eq(have, want));
}

static void expect_error(struct secrets *s, const char *path, enum app_code code)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(1 * MIB);
    struct app_error err = {0};
    struct text have;

    assert_int_equal(secrets_get(s, a, path, &have, &err), -1);
    assert_int_equal(err.code, code);
    assert_null(strstr(err.detail, "hunter"));
}

static void value_comes_back_and_is_not_readable_in_the_table(void **state)
{
    const struct rig_schema *s = *state;
    struct secrets *secrets = open_with_new_key(s);
    const struct text value = {"hunter\0two", 10};

    expect_error(secrets, "cluster/a", APP_NOT_FOUND);
    assert_int_equal(secrets_put(secrets, "cluster/a", value, NULL), 0);
    expect(secrets, "cluster/a", value);
    assert_int_equal(
        rig_sql_long(s, "SELECT COUNT(*) FROM cpx_secret WHERE ciphertext LIKE '%hunter%'"), 0);
    assert_int_equal(secrets_put(secrets, "cluster/a", TEXT(""), NULL), 0); /* replaced */
    expect(secrets, "cluster/a", TEXT(""));
    assert_int_equal(secrets_delete(secrets, "cluster/a", NULL), 0);
    assert_int_equal(secrets_delete(secrets, "cluster/a", NULL), 0);
    expect_error(secrets, "cluster/a", APP_NOT_FOUND);
    secrets_destroy(secrets);
}

static void same_value_is_sealed_differently_each_time(void **state)
{
    const struct rig_schema *s = *state;
    struct secrets *secrets = open_with_new_key(s);

    assert_int_equal(secrets_put(secrets, "a", TEXT("hunter2"), NULL), 0);
    assert_int_equal(secrets_put(secrets, "b", TEXT("hunter2"), NULL), 0);
    assert_int_equal(rig_sql_long(s, "SELECT COUNT(DISTINCT nonce) FROM cpx_secret"), 2);
    assert_int_equal(rig_sql_long(s, "SELECT COUNT(DISTINCT ciphertext) FROM cpx_secret"), 2);
    secrets_destroy(secrets);
}

static void tampered_row_does_not_open(void **state)
{
    static const char *const damages[] = {
        "UPDATE cpx_secret SET ciphertext = INSERT(ciphertext, 1, 1, "
        "CHAR(ORD(SUBSTR(ciphertext, 1, 1)) ^ 1 USING binary))",
        "UPDATE cpx_secret SET ciphertext = INSERT(ciphertext, LENGTH(ciphertext), 1, "
        "CHAR(ORD(SUBSTR(ciphertext, -1)) ^ 1 USING binary))",
        "UPDATE cpx_secret SET ciphertext = LEFT(ciphertext, LENGTH(ciphertext) - 1)",
        "UPDATE cpx_secret SET ciphertext = LEFT(ciphertext, 15)",
        "UPDATE cpx_secret SET ciphertext = ''",
        "UPDATE cpx_secret SET nonce = INSERT(nonce, 1, 1, "
        "CHAR(ORD(SUBSTR(nonce, 1, 1)) ^ 1 USING binary))",
        "UPDATE cpx_secret SET key_id = 'other'",
        "UPDATE cpx_secret SET key_id = 'absent'"};
    const struct rig_schema *s = *state;
    char text[4 * SECRETS_KEY_LINE_BYTES], line[SECRETS_KEY_LINE_BYTES];
    struct secrets *secrets;

    new_line(line);
    snprintf(text, sizeof text, "%sother%s", line, strchr(line, ':')); /* the same key twice */
    secrets = open_with(s, text);
    for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
        assert_int_equal(secrets_put(secrets, "p", TEXT("hunter2"), NULL), 0);
        expect(secrets, "p", TEXT("hunter2"));
        rig_sql(s, damages[i]);
        expect_error(secrets, "p", APP_INTERNAL);
    }
    secrets_destroy(secrets);
}

static void row_moved_to_another_path_does_not_open(void **state)
{
    const struct rig_schema *s = *state;
    struct secrets *secrets = open_with_new_key(s);

    assert_int_equal(secrets_put(secrets, "cluster/a", TEXT("hunter2"), NULL), 0);
    rig_sql(s, "UPDATE cpx_secret SET path = 'cluster/b'");
    expect_error(secrets, "cluster/b", APP_INTERNAL);
    secrets_destroy(secrets);
}

static void other_key_of_the_same_id_does_not_open(void **state)
{
    const struct rig_schema *s = *state;
    char a[SECRETS_KEY_LINE_BYTES], b[SECRETS_KEY_LINE_BYTES], text[160];
    struct secrets *secrets;

    new_line(a);
    new_line(b);
    secrets = open_with(s, a);
    assert_int_equal(secrets_put(secrets, "p", TEXT("hunter2"), NULL), 0);
    secrets_destroy(secrets);
    snprintf(text, sizeof text, "%.9s%s", a, strchr(b, ':')); /* the id of a, the key of b */
    secrets = open_with(s, text);
    expect_error(secrets, "p", APP_INTERNAL);
    secrets_destroy(secrets);
}

static void rotation_reseals_every_row_and_the_old_key_can_go(void **state)
{
    const struct rig_schema *s = *state;
    char old_key[SECRETS_KEY_LINE_BYTES], new_key[SECRETS_KEY_LINE_BYTES], path[16];
    char both[2 * SECRETS_KEY_LINE_BYTES];
    struct secrets *secrets;
    size_t changed = 0;

    new_line(old_key);
    new_line(new_key);
    snprintf(both, sizeof both, "%s%s", new_key, old_key);
    secrets = open_with(s, old_key);
    for (int i = 0; i < 130; i++) { /* more than a page */
        snprintf(path, sizeof path, "p/%03d", i);
        assert_int_equal(secrets_put(secrets, path, text_of(path), NULL), 0);
    }
    secrets_destroy(secrets);
    secrets = open_with(s, both);
    assert_int_equal(secrets_rotate(secrets, &changed, NULL), 0);
    assert_int_equal(changed, 130);
    assert_int_equal(secrets_rotate(secrets, &changed, NULL), 0);
    assert_int_equal(changed, 0);
    secrets_destroy(secrets);
    secrets = open_with(s, new_key);
    expect(secrets, "p/000", TEXT("p/000"));
    expect(secrets, "p/129", TEXT("p/129"));
    secrets_destroy(secrets);
}

static void rotation_stops_at_a_row_it_cannot_open(void **state)
{
    const struct rig_schema *s = *state;
    struct secrets *secrets = open_with_new_key(s);
    struct app_error err = {0};
    size_t changed = 0;

    assert_int_equal(secrets_put(secrets, "p", TEXT("x"), NULL), 0);
    secrets_destroy(secrets);
    secrets = open_with_new_key(s);
    assert_int_equal(secrets_rotate(secrets, &changed, &err), -1);
    assert_int_equal(err.code, APP_INTERNAL);
    assert_non_null(strstr(err.detail, "which is not there"));
    secrets_destroy(secrets);
}

static void list_gives_the_names_right_below(void **state)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(1 * MIB);
    const struct rig_schema *s = *state;
    struct secrets *secrets = open_with_new_key(s);
    static const char *const paths[] = {"cluster/b", "cluster/a", "cluster/a/deep", "clusters/x",
                                        "cluster.x"};
    const char *const *names;
    size_t count = 0;

    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        assert_int_equal(secrets_put(secrets, paths[i], TEXT("x"), NULL), 0);
    assert_int_equal(secrets_list(secrets, a, "cluster/", &names, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_string_equal(names[0], "a");
    assert_string_equal(names[1], "b");
    assert_int_equal(secrets_list(secrets, a, "nothing/", &names, &count, NULL), 0);
    assert_int_equal(count, 0);
    secrets_destroy(secrets);
}

static void size_and_path_have_limits(void **state)
{
    const struct rig_schema *s = *state;
    struct secrets *secrets = open_with_new_key(s);
    char *big = malloc(SECRET_MAX_BYTES + 1);
    char path[257];

    memset(big, 'x', SECRET_MAX_BYTES + 1);
    memset(path, 'p', sizeof path);
    path[256] = '\0';
    assert_int_equal(secrets_put(secrets, "p", (struct text){big, SECRET_MAX_BYTES}, NULL), 0);
    expect(secrets, "p", (struct text){big, SECRET_MAX_BYTES});
    assert_int_equal(secrets_put(secrets, "p", (struct text){big, SECRET_MAX_BYTES + 1}, NULL), -1);
    assert_int_equal(secrets_put(secrets, path, TEXT("x"), NULL), -1);
    path[255] = '\0';
    assert_int_equal(secrets_put(secrets, path, TEXT("x"), NULL), 0);
    assert_int_equal(secrets_put(secrets, "", TEXT("x"), NULL), -1);
    assert_int_equal(secrets_put(secrets, "a b", TEXT("x"), NULL), -1);
    assert_int_equal(secrets_put(secrets, "a\xff", TEXT("x"), NULL), -1);
    free(big);
    secrets_destroy(secrets);
}

/* ---- the key file: no database needed ---- */

static bool accepts(const char *text, mode_t mode, char detail[256])
{
    struct app_error err = {0};
    struct secrets *secrets;
    struct key_file f;

    write_text(&f, text, mode);
    secrets = secrets_create(NULL, f.path, &err);
    unlink(f.path);
    if (detail)
        snprintf(detail, 256, "%s", err.detail);
    secrets_destroy(secrets);
    return secrets != NULL;
}

static void key_file_others_can_read_is_refused(void **state)
{
    static const mode_t good[] = {0600, 0400, 0640, 0440};
    static const mode_t bad[] = {0644, 0604, 0602, 0620, 0660, 0601, 0444};
    char line[SECRETS_KEY_LINE_BYTES];

    (void)state;
    new_line(line);
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(accepts(line, good[i], NULL));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(accepts(line, bad[i], NULL));
}

static void bad_key_file_is_refused_with_its_line_and_without_its_key(void **state)
{
    char line[SECRETS_KEY_LINE_BYTES], text[400], detail[256], hex[65];

    (void)state;
    new_line(line);
    snprintf(hex, sizeof hex, "%.64s", strchr(line, ':') + 1);
    assert_false(accepts("", 0600, NULL));
    assert_false(accepts("# nothing\n\n", 0600, NULL));
    snprintf(text, sizeof text, "# one\n\n%s", line);
    assert_true(accepts(text, 0600, NULL));
    snprintf(text, sizeof text, "a:%s", hex); /* no newline at the end */
    assert_true(accepts(text, 0600, NULL));
    snprintf(text, sizeof text, "%sa:%.63s\n", line, hex);
    assert_false(accepts(text, 0600, detail));
    assert_non_null(strstr(detail, ":2:"));
    assert_null(strstr(detail, "63 hex"));
    snprintf(text, sizeof text, "a:%s0\n", hex);
    assert_false(accepts(text, 0600, NULL));
    snprintf(text, sizeof text, "%s\n", hex);
    assert_false(accepts(text, 0600, detail));
    hex[16] = '\0';
    assert_null(strstr(detail, hex));
    snprintf(text, sizeof text, "%s%s", line, line);
    assert_false(accepts(text, 0600, NULL)); /* an id twice */
    snprintf(text, sizeof text, "a b%s", strchr(line, ':'));
    assert_false(accepts(text, 0600, NULL));
    snprintf(text, sizeof text, "%s", strchr(line, ':'));
    assert_false(accepts(text, 0600, NULL));
}

static void missing_key_file_and_folder_are_refused(void **state)
{
    struct app_error err = {0};

    (void)state;
    assert_null(secrets_create(NULL, "/nonexistent/keys", &err));
    assert_int_equal(err.code, APP_INTERNAL);
    assert_null(secrets_create(NULL, "/tmp", &err));
}

#define ON_SCHEMA(test)                                                                            \
    cmocka_unit_test_setup_teardown(test, rig_migrated_setup, rig_schema_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_SCHEMA(value_comes_back_and_is_not_readable_in_the_table),
        ON_SCHEMA(same_value_is_sealed_differently_each_time),
        ON_SCHEMA(tampered_row_does_not_open),
        ON_SCHEMA(row_moved_to_another_path_does_not_open),
        ON_SCHEMA(other_key_of_the_same_id_does_not_open),
        ON_SCHEMA(rotation_reseals_every_row_and_the_old_key_can_go),
        ON_SCHEMA(rotation_stops_at_a_row_it_cannot_open),
        ON_SCHEMA(list_gives_the_names_right_below),
        ON_SCHEMA(size_and_path_have_limits),
        cmocka_unit_test(key_file_others_can_read_is_refused),
        cmocka_unit_test(bad_key_file_is_refused_with_its_line_and_without_its_key),
        cmocka_unit_test(missing_key_file_and_folder_are_refused),
    };

    return cmocka_run_group_tests(tests, rig_mariadb_start, rig_mariadb_stop);
}
