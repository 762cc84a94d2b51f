/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration table: each bad value, unknown keys and duplicates with their line,
 * environment, secrets. */
#include "cleanup.h"
#include "config.h"
#include "server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct config *parse(const char *yaml, const char *const *env, struct app_error *err)
{
    memset(err, 0, sizeof *err);
    return config_parse("cp.yaml", text_of(yaml), env, err);
}

static void assert_refused(const char *yaml, const char *const *env, const char *message)
{
    struct app_error err;
    struct config *c = parse(yaml, env, &err);

    if (c || !strstr(err.text, message))
        fail_msg("%s\n-> %s instead of %s", yaml, c ? "accepted" : err.text, message);
    assert_int_equal(err.code, APP_BAD_REQUEST);
}

static struct config *assert_accepted(const char *yaml, const char *const *env)
{
    struct app_error err;
    struct config *c = parse(yaml, env, &err);

    if (!c)
        fail_msg("%s\n-> %s", yaml, err.text);
    return c;
}

static void defaults(void **state)
{
    struct config *c = assert_accepted("version: 1\n", NULL);
    size_t count;

    (void)state;
    assert_string_equal(config_str(c, CFG_PORTAL_LISTEN), "127.0.0.1:3333");
    assert_string_equal(config_str(c, CFG_PUBLIC_LISTEN), "");
    assert_string_equal(config_str(c, CFG_MANAGEMENT_LISTEN), "127.0.0.1:3390");
    assert_int_equal(config_int(c, CFG_CONTRACT_UTC_OFFSET_MIN), 540);
    assert_true(config_bool(c, CFG_LOG_ACCESS));
    assert_false(config_bool(c, CFG_ISSUER_ENABLED));
    assert_string_equal(config_list(c, CFG_CORS_ALLOWED_ORIGINS, &count)[0], "*");
    assert_int_equal(count, 1);
    assert_null(config_secret(c, CFG_DATABASE_PASSWORD_FILE).p);
    assert_string_equal(config_secret_path(c, CFG_SECRETS_KEY_FILE), "");
    assert_string_equal(config_warnings(c), "");
    config_destroy(c);
}

static void nested_and_dotted_keys(void **state)
{
    struct config *c = assert_accepted("version: 1\n"
                                       "portal:\n  listen: \"[::1]:3333\"\n"
                                       "log.level: debug\n"
                                       "net: {http_threads: 3, backlog: 99}\n"
                                       "identity:\n  client_ids: [a, 'b c']\n"
                                       "contract: {utc_offset_min: -60}\n",
                                       NULL);
    size_t count;
    const char *const *ids = config_list(c, CFG_IDENTITY_CLIENT_IDS, &count);

    (void)state;
    assert_string_equal(config_str(c, CFG_PORTAL_LISTEN), "[::1]:3333");
    assert_string_equal(config_str(c, CFG_LOG_LEVEL), "debug");
    assert_int_equal(config_int(c, CFG_NET_HTTP_THREADS), 3);
    assert_int_equal(config_int(c, CFG_NET_BACKLOG), 99);
    assert_int_equal(config_int(c, CFG_CONTRACT_UTC_OFFSET_MIN), -60);
    assert_int_equal(count, 2);
    assert_string_equal(ids[1], "b c");
    assert_null(ids[2]);
    config_destroy(c);
}

static void bad_files(void **state)
{
    static const struct {
        const char *yaml, *message;
    } cases[] = {
        {"",                                                                "cp.yaml:1: the file is empty"                   },
        {"# nothing\n",                                                     "is empty"                                       },
        {"portal: {listen: ''}\n",                                          "\"version: 1\" is missing"                      },
        {"version: 2\n",                                                    "cp.yaml:1: version must be 1"                   },
        {"version: 1\nversion: 1\n",                                        "cp.yaml:2: version is set twice"                },
        {"- version\n",                                                     "must be a map"                                  },
        {"version: 1\n\nportal:\n  lissten: x\n",                           "cp.yaml:4: portal.lissten is not a key"         },
        {"version: 1\nport: 3\n",                                           "cp.yaml:2: port is not a key"                   },
        {"version: 1\nlog: {level: info, level: warn}\n",                   "cp.yaml:2: log.level is set twice"              },
        {"version: 1\nlog: {level: info}\nlog:\n  level: warn\n",
         "cp.yaml:4: log.level is set twice"                                                                                 },
        {"version: 1\nlog.level: info\nlog:\n  level: warn\n",              "cp.yaml:4: log.level is set twice"              },
        {"version: 1\nlog: &a {level: info}\n",                             "anchors and tags"                               },
        {"version: 1\nlog:\n  level: *a\n",                                 "cp.yaml:3:"                                     },
        {"version: 1\nlog: {level: !!str info}\n",                          "anchors and tags"                               },
        {"version: 1\nlog: {level: [info]}\n",                              "log.level is not a list"                        },
        {"version: 1\nlog: {level: {a: b}}\n",                              "log.level.a is not a key"                       },
        {"version: 1\nlog: {level: {a: {b: {c: {d: e}}}}}\n",               "is not a key"                                   },
        {"version: 1\nidentity: {client_ids: [[a]]}\n",                     "may only have plain values"                     },
        {"version: 1\nidentity: {client_ids: []}\n",                        "from 1 to 32 elements"                          },
        {"version: 1\nidentity: {client_ids: ['']}\n",                      "empty"                                          },
        {"version: 1\n? [a]\n: b\n",                                        "a key must be a plain value"                    },
        {"version: 1\nlog: {level: info\n",                                 "not YAML"                                       },
        {"version: 1\n--- \nversion: 1\n",                                  "must hold one document"                         },
        {"version: 1\nlog: {level: \"a\\0b\"}\n",                           "NUL"                                            },
        {"version: 1\nlog: {level: loud}\n",                                "cp.yaml:2: log.level must be debug"             },
        {"version: 1\nlog: {access: yes}\n",                                "must be true or false"                          },
        {"version: 1\nnet:\n  backlog: 15\n",                               "cp.yaml:3: net.backlog must be from 16 to 65535"},
        {"version: 1\nnet: {backlog: 65536}\n",                             "must be from 16 to 65535"                       },
        {"version: 1\nnet: {backlog: 1e3}\n",                               "must be a whole number"                         },
        {"version: 1\nnet: {backlog: ''}\n",                                "must be a whole number"                         },
        {"version: 1\nnet: {backlog: 0x40}\n",                              "must be a whole number"                         },
        {"version: 1\ndatabase: {user: ''}\n",                              "database.user must have from 1 to 80 bytes"     },
        {"version: 1\ndatabase: {name: \"a\\nb\"}\n",                       "control character"                              },
 /* rules over several keys */
        {"version: 1\nportal: {listen: '3333'}\n",                          "cp.yaml:2: portal.listen must be address:port"  },
        {"version: 1\nportal: {listen: 'a.example:1'}\n",                   "must be address:port"                           },
        {"version: 1\nportal: {listen: '127.0.0.1:65536'}\n",               "must be address:port"                           },
        {"version: 1\nportal: {listen: '::1:33'}\n",                        "must be address:port"                           },
        {"version: 1\nportal: {listen: '127.0.0.1:3390'}\n",                "is the address of another listener"             },
        {"version: 1\ndatabase: {host: db.example}\n",                      "database.ca_file is needed"                     },
        {"version: 1\nissuer: {enabled: true}\n",                           "needs issuer.listen"                            },
        {"version: 1\nidentity: {issuer: 'http://sso.example/realms/x'}\n",
         "must be an https:// URL"                                                                                           },
        {"version: 1\nidentity: {issuer: 'http://127.0.0.1:8080/x'}\n",
         "allow_loopback_http is false"                                                                                      },
        {"version: 1\nidentity: {jwks_url: 'file:///etc/passwd'}\n",        "must be an https:// URL"                        },
        {"version: 1\nidentity: {allow_loopback_http: true, issuer: "
         "'http://127.0.0.1.evil.example/'}\n",                    "must be an https:// URL"                        },
        {"version: 1\nnet: {headers_max_bytes: 4096}\n",                    "is over net.headers_max_bytes"                  },
        {"version: 1\nrequest: {in_flight_max: 8}\n",                       "is under workers.threads"                       },
        {"version: 1\ncors: {allowed_origins: [example.org]}\n",            "must have origins"                              },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_refused(cases[i].yaml, NULL, cases[i].message);
}

static void write_key(char *ret, size_t bytes, const char *key, const char *value)
{
    snprintf(ret, bytes, "version: 1\n%s: %s\n", key, value);
}

/* Each row of the table: the default is inside its own range, the bounds hold, one beyond them does
 * not. */
static void every_key_has_its_range(void **state)
{
    char yaml[300], value[40];

    (void)state;
    for (int k = 0; k < CFG_COUNT; k++) {
        const struct config_row *r = config_row((enum config_key)k);

        assert_true(strlen(r->help) > 3 && strncmp(r->env, "CP_", 3) == 0);
        if (r->type != CONFIG_INT)
            continue;
        snprintf(value, sizeof value, "%lld", (long long)r->lower - 1);
        write_key(yaml, sizeof yaml, r->key, value);
        assert_refused(yaml, NULL, r->key);
        snprintf(value, sizeof value, "%lld", (long long)r->upper + 1);
        write_key(yaml, sizeof yaml, r->key, value);
        assert_refused(yaml, NULL, "must be from");
        snprintf(value, sizeof value, "%lld", (long long)r->upper);
        write_key(yaml, sizeof yaml, r->key, value);
        if (k != CFG_NET_HEADER_MAX_BYTES && k != CFG_WORKERS_THREADS) /* bound to another key */
            config_destroy(assert_accepted(yaml, NULL));
    }
}

static void keys_and_variables_are_unique(void **state)
{
    (void)state;
    for (int a = 0; a < CFG_COUNT; a++) {
        for (int b = 0; b < a; b++) {
            assert_string_not_equal(config_row((enum config_key)a)->key,
                                    config_row((enum config_key)b)->key);
            assert_string_not_equal(config_row((enum config_key)a)->env,
                                    config_row((enum config_key)b)->env);
        }
    }
}

static void environment_wins_over_the_file(void **state)
{
    const char *env[] = {"CP_NET_BACKLOG=77", "CP_IDENTITY_CLIENT_IDS=a, b ,c",
                         "CP_LOG_ACCESS=false", "CP_NET_BACKLOGG=1", NULL};
    const char *bad[] = {"CP_NET_BACKLOG=many", NULL};
    struct config *c = assert_accepted("version: 1\nnet: {backlog: 33}\n", env);
    size_t count;

    (void)state;
    assert_int_equal(config_int(c, CFG_NET_BACKLOG), 77);
    assert_false(config_bool(c, CFG_LOG_ACCESS));
    assert_string_equal(config_list(c, CFG_IDENTITY_CLIENT_IDS, &count)[1], "b");
    assert_int_equal(count, 3);
    config_destroy(c);
    assert_refused("version: 1\n", bad, "CP_NET_BACKLOG: net.backlog must be a whole number");
}

static void variables_of_the_original_are_taken_with_a_warning(void **state)
{
    const char *env[] = {"PORT=4444", "DATABASE_URL=127.0.0.1:3310", "DATABASE_USER_ID=cp",
                         "DATABASE_USER_PASSWORD=x", NULL};
    const char *both[] = {"PORT=4444", "CP_PORTAL_LISTEN=127.0.0.1:5555", NULL};
    struct config *c = assert_accepted("version: 1\nportal: {listen: '0.0.0.0:3333'}\n", env);

    (void)state;
    assert_string_equal(config_str(c, CFG_PORTAL_LISTEN), "0.0.0.0:4444");
    assert_int_equal(config_int(c, CFG_DATABASE_PORT), 3310);
    assert_string_equal(config_str(c, CFG_DATABASE_USER), "cp");
    assert_non_null(strstr(config_warnings(c), "PORT is a variable of the original"));
    assert_non_null(strstr(config_warnings(c), "DATABASE_USER_PASSWORD is not read"));
    config_destroy(c);
    c = assert_accepted("version: 1\n", both);
    assert_string_equal(config_str(c, CFG_PORTAL_LISTEN), "127.0.0.1:5555");
    assert_string_equal(config_warnings(c), "");
    config_destroy(c);
}

/* ---- secrets ---- */

static char dir[] = "/tmp/cp-config-test-XXXXXX";

static void write_file(const char *name, const char *content, mode_t mode, char *ret_path,
                       size_t bytes)
{
    int fd;

    snprintf(ret_path, bytes, "%s/%s", dir, name);
    fd = open(ret_path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static void secret_yaml(char *yaml, size_t bytes, const char *path)
{
    snprintf(yaml, bytes, "version: 1\ndatabase: {password_file: '%s'}\n", path);
}

static void secrets_are_files(void **state)
{
    static const struct {
        const char *content;
        mode_t mode;
        const char *message; /* NULL: good */
    } cases[] = {
        {"s3cret-of-our-own",     0600, NULL                      },
        {"s3cret-of-our-own\n",   0640, NULL                      },
        {"s3cret-of-our-own\r\n", 0400, NULL                      },
        {"s3cret-of-our-own",     0604, "may be read by everybody"},
        {"",                      0600, "is empty"                },
        {"\n",                    0600, "is empty"                },
        {"admin",                 0600, "published default"       },
        {"kpaas\n",               0600, "published default"       },
        {"changeme",              0600, "published default"       },
    };
    char path[200], yaml[400];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        write_file("secret", cases[i].content, cases[i].mode, path, sizeof path);
        secret_yaml(yaml, sizeof yaml, path);
        if (cases[i].message) {
            assert_refused(yaml, NULL, cases[i].message);
        } else {
            struct config *c = assert_accepted(yaml, NULL);

            assert_string_equal(config_secret(c, CFG_DATABASE_PASSWORD_FILE).p,
                                "s3cret-of-our-own");
            assert_int_equal(config_secret(c, CFG_DATABASE_PASSWORD_FILE).len, 17);
            assert_string_equal(config_secret_path(c, CFG_DATABASE_PASSWORD_FILE), path);
            config_destroy(c);
        }
        unlink(path);
    }
    secret_yaml(yaml, sizeof yaml, "/nonexistent/file");
    assert_refused(yaml, NULL, "cp.yaml:2: database.password_file: the file cannot be opened");
    secret_yaml(yaml, sizeof yaml, dir);
    assert_refused(yaml, NULL, "is not a regular file");
}

static void no_message_holds_a_secret(void **state)
{
    char path[200], yaml[400];
    struct app_error err;

    (void)state;
    write_file("secret", "admin", 0600, path, sizeof path);
    secret_yaml(yaml, sizeof yaml, path);
    assert_null(parse(yaml, NULL, &err));
    assert_null(strstr(err.text, "admin"));
    assert_null(strstr(err.detail, "admin"));
    unlink(path);
}

static void relative_names_are_systemd_credentials(void **state)
{
    char path[200];
    struct config *c;

    (void)state;
    write_file("db-password", "from-a-credential", 0400, path, sizeof path);
    setenv("CREDENTIALS_DIRECTORY", dir, 1);
    c = assert_accepted("version: 1\ndatabase: {password_file: db-password}\n", NULL);
    assert_string_equal(config_secret(c, CFG_DATABASE_PASSWORD_FILE).p, "from-a-credential");
    assert_string_equal(config_secret_path(c, CFG_DATABASE_PASSWORD_FILE), path);
    config_destroy(c);
    unsetenv("CREDENTIALS_DIRECTORY");
    unlink(path);
}

/* ---- files, sample, documentation ---- */

static void loads_a_file(void **state)
{
    char path[200];
    struct app_error err = {0};
    struct config *c;

    (void)state;
    write_file("cp.yaml", "version: 1\nnet: {backlog: 44}\n", 0644, path, sizeof path);
    c = config_load(path, &err);
    assert_non_null(c);
    assert_int_equal(config_int(c, CFG_NET_BACKLOG), 44);
    config_destroy(c);
    unlink(path);
    assert_null(config_load(path, &err));
    assert_non_null(strstr(err.text, "no such file"));
}

/* The sample with its comment marks removed is a valid file that says the defaults. */
static void sample_is_valid_and_complete(void **state)
{
    struct buf sample = BUF_INIT(256 * KIB), bare = BUF_INIT(256 * KIB);
    struct config *c;

    (void)state;
    assert_int_equal(config_write_sample(&sample), 0);
    config_destroy(assert_accepted(sample.data, NULL)); /* as it is */
    for (const char *p = sample.data; *p; p = strchr(p, '\n') + 1) {
        size_t len = (size_t)(strchr(p, '\n') + 1 - p);

        if (*p == '#' && (p[1] == ' ' && p[2] != ' '))
            continue; /* prose */
        buf_append(&bare, p + (*p == '#'), len - (*p == '#'));
    }
    c = assert_accepted(bare.data, NULL);
    for (int k = 0; k < CFG_COUNT; k++)
        assert_non_null(strstr(bare.data, strchr(config_row((enum config_key)k)->key, '.') + 1));
    assert_int_equal(config_int(c, CFG_NET_BACKLOG), 511);
    config_destroy(c);
    buf_finish(&sample);
    buf_finish(&bare);
}

static void documentation_names_every_key(void **state)
{
    struct buf docs = BUF_INIT(256 * KIB);
    char cell[100];

    (void)state;
    assert_int_equal(config_write_docs(&docs), 0);
    for (int k = 0; k < CFG_COUNT; k++) {
        snprintf(cell, sizeof cell, "| `%s` |", config_row((enum config_key)k)->key);
        assert_non_null(strstr(docs.data, cell));
    }
    buf_finish(&docs);
}

static void server_options_follow_the_configuration(void **state)
{
    struct config *c =
        assert_accepted("version: 1\nnet: {uri_max_bytes: 4096, header_deadline_ms: 5000}\n"
                        "drain: {s: 7}\nrequest: {per_user: 9}\n",
                        NULL);
    struct server_options o, fallback;

    (void)state;
    server_options_from_config(c, &o);
    assert_int_equal(o.uri_max_bytes, 4096);
    assert_int_equal(o.header_deadline_ms, 5000);
    assert_int_equal(o.drain_ms, 7000);
    assert_int_equal(o.per_user_max, 9);
    assert_string_equal(o.listen[LISTEN_PORTAL], "127.0.0.1:3333");
    server_options_default(&fallback);
    assert_int_equal(fallback.uri_max_bytes, 8192);
    assert_int_equal(fallback.drain_accept_ms, 5000);
    assert_int_equal(fallback.header_deadline_ms, 10000);
    assert_int_equal(fallback.body_deadline_ms, 30000);
    assert_int_equal(fallback.request_deadline_ms, 60000);
    config_destroy(c);
}

static int make_dir(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    return rmdir(dir);
}

static void the_documentation_page_is_the_table(void **state)
{
    static char page[65536];
    struct buf docs AUTO(buf_finish_p) = BUF_INIT(sizeof page);
    FILE *f = fopen(CP_SOURCE_DIR "/docs/operations/configuration.md", "r");
    size_t len;

    (void)state;
    assert_non_null(f);
    len = fread(page, 1, sizeof page - 1, f);
    fclose(f);
    page[len] = '\0';
    assert_int_equal(config_write_docs(&docs), 0);
    assert_string_equal(page,
                        docs.data); /* cp-portal config-docs > docs/operations/configuration.md */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_documentation_page_is_the_table),
        cmocka_unit_test(defaults),
        cmocka_unit_test(nested_and_dotted_keys),
        cmocka_unit_test(bad_files),
        cmocka_unit_test(every_key_has_its_range),
        cmocka_unit_test(keys_and_variables_are_unique),
        cmocka_unit_test(environment_wins_over_the_file),
        cmocka_unit_test(variables_of_the_original_are_taken_with_a_warning),
        cmocka_unit_test(secrets_are_files),
        cmocka_unit_test(no_message_holds_a_secret),
        cmocka_unit_test(relative_names_are_systemd_credentials),
        cmocka_unit_test(loads_a_file),
        cmocka_unit_test(sample_is_valid_and_complete),
        cmocka_unit_test(documentation_names_every_key),
        cmocka_unit_test(server_options_follow_the_configuration),
    };

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
