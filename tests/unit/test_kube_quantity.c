/* SPDX-License-Identifier: Apache-2.0 */
#include "cleanup.h"
#include "quantity.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void quantities(void **state)
{
    static const struct {
        const char *text;
        double value;
    } cases[] = {
        {"1500000n",            0.0015         },
        {"250u",                0.00025        },
        {"2500Ki",              2560000        },
        {"1.5Gi",               1610612736     },
        {"1e3",                 1000           },
        {"1E3",                 1000           },
        {"0",                   0              },
        {"4",                   4              },
        {"100m",                0.1            },
        {"-1",                  -1             },
        {"+2",                  2              },
        {".5",                  0.5            },
        {"5.",                  5              },
        {"1k",                  1000           },
        {"2M",                  2e6            },
        {"3G",                  3e9            },
        {"1T",                  1e12           },
        {"1P",                  1e15           },
        {"1E",                  1e18           },
        {"1Mi",                 1048576        },
        {"1Ti",                 1099511627776.0},
        {"1Pi",                 0x1p50         },
        {"1Ei",                 0x1p60         },
        {"1e-3",                0.001          },
        {"1e+3",                1000           },
        {"8155676Ki",           8351412224     },
        {"9223372036854775807", 0x1p63         }
    };
    static const char *const bad[] = {"",      "m",    "Ki",  "1x",   "1ki",   "1 ",
                                      " 1",    "1K",   "1mi", "1KI",  "abc",   "1..",
                                      "1.2.3", "--1",  "1e",  "1e+",  "1e+-1", "1e99999",
                                      "1e400", "1Kim", "1,5", "0x10", "NaN",   "inf"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        double got = NAN;

        assert_int_equal(kube_quantity_parse(text_of(cases[i].text), &got), 0);
        assert_true(fabs(got - cases[i].value) <= 1e-12 * fabs(cases[i].value));
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        double got;

        if (kube_quantity_parse(text_of(bad[i]), &got) == 0)
            fail_msg("%s is no quantity", bad[i]);
    }
}

static void rounding_is_half_up(void **state)
{
    (void)state;
    assert_int_equal(kube_round_half_up(0.49), 0);
    assert_int_equal(kube_round_half_up(0.5), 1);
    assert_int_equal(kube_round_half_up(1.5), 2);
    assert_int_equal(kube_round_half_up(-0.5), 0);
    assert_int_equal(kube_round_half_up(-1.5), -1);
    assert_true(kube_round_half_up(1e300) == INT64_MAX);
    assert_true(kube_round_half_up(-1e300) == INT64_MIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantities),
        cmocka_unit_test(rounding_is_half_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
