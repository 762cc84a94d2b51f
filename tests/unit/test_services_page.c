/* SPDX-License-Identifier: Apache-2.0 */
/* Paging of database lists: portal contract 8.2, 8.3. */
#include "cleanup.h"
#include "page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct page_row rows[] = {
    {"beta",  "2024-01-03 00:00:00", 0},
    {"alpha", "2024-01-01 00:00:00", 1},
    {"Gamma", "2024-01-02 00:00:00", 2},
    {"delta", "2024-01-02 00:00:00", 3},
    {NULL,    NULL,                  4},
};

struct page_case {
    struct list_query query;
    const char *order; /* wanted row numbers as digits */
    uint64_t all, remaining;
};

static const struct page_case cases[] = {
  /* newest first; equal times keep their order in both directions */
    {{.order_by = LIST_BY_TIME, .descending = true},                        "02314", 5, 0},
    {{.order_by = LIST_BY_TIME, .descending = false},                       "41230", 5, 0},
    {{.order_by = LIST_BY_NAME, .descending = false},                       "42103", 5, 0},
    {{.order_by = LIST_BY_NAME, .descending = true},                        "30124", 5, 0},
    {{.order_by = LIST_BY_NAME, .limit = 2},                                "42",    5, 3},
    {{.order_by = LIST_BY_NAME, .limit = 2, .offset = 1},                   "10",    5, 1},
    {{.order_by = LIST_BY_NAME, .limit = 2, .offset = 2},                   "3",     5, 0},
    {{.order_by = LIST_BY_NAME, .limit = 2, .offset = 3},                   "",      5, 0},
    {{.order_by = LIST_BY_NAME, .limit = UINT64_MAX, .offset = UINT64_MAX}, "",      5, 0},
    {{.order_by = LIST_BY_NAME, .search_name = {"TA", 2}},                  "03",    2, 0},
    {{.order_by = LIST_BY_NAME, .search_name = {"nothing", 7}},             "",      0, 0},
};

static void pages_follow_the_contract(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct page_row copy[ARRAY_LEN(rows)];
        struct page page;

        memcpy(copy, rows, sizeof copy);
        page_rows(copy, ARRAY_LEN(copy), &cases[i].query, &page);
        assert_int_equal(page.count, strlen(cases[i].order));
        for (size_t k = 0; k < page.count; k++)
            assert_int_equal(page.rows[k].index, cases[i].order[k] - '0');
        assert_int_equal(page.all, cases[i].all);
        assert_int_equal(page.remaining, cases[i].remaining);
    }
}

static void no_rows_are_an_empty_page(void **state)
{
    struct list_query q = {.order_by = LIST_BY_NAME, .limit = 10};
    struct page page;
    struct buf out = BUF_INIT(1000);

    (void)state;
    page_rows(NULL, 0, &q, &page);
    assert_int_equal(page.count, 0);
    page_write_meta(&out, &page);
    assert_string_equal(out.data,
                        "\"itemMetaData\":{\"allItemCount\":0,\"remainingItemCount\":0},");
    buf_finish(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_follow_the_contract),
        cmocka_unit_test(no_rows_are_an_empty_page),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
