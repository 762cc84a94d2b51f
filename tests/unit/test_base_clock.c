/* SPDX-License-Identifier: Apache-2.0 */
/* V-TIME of portal contract 9, and the formats of rows and answers. */
#include "cleanup.h"
#include "clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *in;
    int offset_min;
    const char *out;
} vtimes[] = {
    {"2024-01-01T15:30:00Z",      540, "2024-01-02 00:30:00"},
    {"2024-01-01T14:59:59Z",      540, "2024-01-01 23:59:59"},
    {"2024-02-28T15:00:00Z",      540, "2024-02-29 00:00:00"},
    {"2023-02-28T15:00:00Z",      540, "2023-03-01 00:00:00"},
    {"1900-02-28T15:00:00Z",      540, "1900-03-01 00:00:00"},
    {"2000-02-28T15:00:00Z",      540, "2000-02-29 00:00:00"},
    {"2024-12-31T23:00:00Z",      540, "2025-01-01 08:00:00"},
    {"9999-12-31T14:59:59Z",      540, "9999-12-31 23:59:59"},
    {"9999-12-31T15:00:00Z",      540, ""                   },
    {"2024-01-01T00:30:00Z",      -60, "2023-12-31 23:30:00"},
    {"0000-01-01T00:00:00Z",      -1,  ""                   },
    {"2024-01-01T00:00:00Z",      0,   "2024-01-01 00:00:00"},
    {"",                          540, ""                   },
    {"2024-01-01T00:00:00",       540, ""                   },
    {"2024-01-01T00:00:00.5Z",    540, ""                   },
    {"2024-01-01T00:00:00+09:00", 540, ""                   },
    {"2024-13-01T00:00:00Z",      540, ""                   },
    {"2024-00-01T00:00:00Z",      540, ""                   },
    {"2023-02-29T00:00:00Z",      540, ""                   },
    {"2024-04-31T00:00:00Z",      540, ""                   },
    {"2024-01-01T24:00:00Z",      540, ""                   },
    {"2024-01-01T00:60:00Z",      540, ""                   },
    {"2024-01-01T00:00:60Z",      540, ""                   },
    {"2024-01-01 00:00:00Z",      540, ""                   },
    {"2024-01-0aT00:00:00Z",      540, ""                   },
};

static void vtime_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(vtimes); i++) {
        char got[CLOCK_TEXT_BYTES];
        size_t len = clock_vtime(text_of(vtimes[i].in), vtimes[i].offset_min, got);

        assert_string_equal(got, vtimes[i].out);
        assert_int_equal(len, strlen(vtimes[i].out));
    }
}

static void unix_times_are_written(void **state)
{
    char got[CLOCK_TEXT_BYTES];

    (void)state;
    clock_format_rfc3339(0, got);
    assert_string_equal(got, "1970-01-01T00:00:00Z");
    clock_format_rfc3339(-1, got);
    assert_string_equal(got, "1969-12-31T23:59:59Z");
    clock_format_rfc3339(951782400, got);
    assert_string_equal(got, "2000-02-29T00:00:00Z");
    clock_format_local(1704121800, 540, got);
    assert_string_equal(got, "2024-01-02 00:10:00");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(vtime_table),
                                       cmocka_unit_test(unix_times_are_written)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
