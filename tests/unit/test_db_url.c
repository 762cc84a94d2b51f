/* SPDX-License-Identifier: Apache-2.0 */
#include "cleanup.h"
#include "cluster_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void key_of(const char *url, unsigned char ret[URL_KEY_BYTES])
{
    if (cluster_url_key(text_of(url), ret) < 0)
        fail_msg("refused: %s", url);
}

static void same_address_has_the_same_key(void **state)
{
    static const char *const pairs[][2] = {
        {"https://api.example:6443",    "https://api.example:6443/"  },
        {"https://api.example:6443",    "HTTPS://API.Example:6443///"},
        {"https://api.example",         "https://api.example:443/"   },
        {"http://api.example:80",       "http://api.example"         },
        {"https://[fd00::1]:443",       "https://[FD00::1]"          },
        {"https://api.example/k8s/c1/", "https://API.example/k8s/c1" },
    };
    unsigned char a[URL_KEY_BYTES], b[URL_KEY_BYTES];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        key_of(pairs[i][0], a);
        key_of(pairs[i][1], b);
        assert_memory_equal(a, b, sizeof a);
    }
}

static void different_addresses_differ(void **state)
{
    static const char *const pairs[][2] = {
        {"https://api.example:6443", "https://api.example:6444"},
        {"https://api.example",      "http://api.example"      },
        {"https://api.example:80",   "https://api.example"     },
        {"https://api.example/a",    "https://api.example/A"   },
        {"https://api.example/a",    "https://api.example/a/b" },
        {"https://api.example1",     "https://api.example"     },
    };
    unsigned char a[URL_KEY_BYTES], b[URL_KEY_BYTES];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        key_of(pairs[i][0], a);
        key_of(pairs[i][1], b);
        assert_memory_not_equal(a, b, sizeof a);
    }
}

static void text_that_is_no_url_has_no_key(void **state)
{
    static const char *const bad[] = {"", "api.example", "://x", "https:/x"};
    unsigned char key[URL_KEY_BYTES];
    char longest[2049 + 8];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(cluster_url_key(text_of(bad[i]), key), -1);
    memset(longest, 'a', sizeof longest);
    for (size_t i = 0; i < 8; i++)
        longest[i] = "https://"[i];
    assert_int_equal(cluster_url_key((struct text){longest, 2048}, key), 0);
    assert_int_equal(cluster_url_key((struct text){longest, 2049}, key), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_address_has_the_same_key),
        cmocka_unit_test(different_addresses_differ),
        cmocka_unit_test(text_that_is_no_url_has_no_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
