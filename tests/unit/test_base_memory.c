/* SPDX-License-Identifier: Apache-2.0 */
/* Arena and buffer: bounds first. */
#include "arena.h"
#include "buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void an_arena_ends_at_its_maximum(void **state)
{
    struct arena *a = arena_create(64);

    (void)state;
    assert_non_null(arena_alloc(a, 0));
    assert_non_null(arena_alloc(a, 40));
    assert_null(arena_alloc(a, 40));
    assert_null(arena_alloc(a, SIZE_MAX));
    assert_null(arena_array(a, SIZE_MAX / 2, 3));
    assert_null(arena_strndup(a, "x", SIZE_MAX));
    assert_true(arena_used(a) <= 64);
    arena_destroy(a);
    arena_destroy(NULL);
}

static void arena_texts(void **state)
{
    struct arena *a = arena_create(100000);
    char *big = arena_alloc(a, 50000);

    (void)state;
    assert_non_null(big);
    for (size_t i = 0; i < 50000; i++)
        assert_int_equal(big[i], 0);
    assert_string_equal(arena_strndup(a, "abcdef", 3), "abc");
    assert_null(arena_strdup(a, NULL));
    assert_null(arena_strdup_lower(a, NULL));
    assert_string_equal(arena_strdup_lower(a, "AbZ_9@["), "abz_9@[");
    assert_string_equal(arena_printf(a, "%s-%d", "x", 7), "x-7");
    assert_int_equal((uintptr_t)arena_alloc(a, 1) % _Alignof(max_align_t), 0);
    assert_int_equal((uintptr_t)arena_alloc(a, 1) % _Alignof(max_align_t), 0);
    arena_destroy(a);
}

static void a_buffer_over_its_maximum_keeps_what_it_had(void **state)
{
    struct buf b = BUF_INIT(5);

    (void)state;
    assert_int_equal(buf_append_str(&b, "12345"), 0);
    assert_int_equal(buf_append_char(&b, '6'), -1);
    assert_true(buf_failed(&b));
    assert_string_equal(b.data, "12345");
    assert_int_equal(buf_append(&b, "", 0),
                     -1); /* failed stays failed, so one check at the end is enough */
    assert_null(buf_steal(&b, NULL));
    buf_reset(&b);
    assert_int_equal(buf_printf(&b, "%d", 123456), -1);
    buf_finish(&b);
    assert_int_equal(buf_reserve(&b, SIZE_MAX), -1);
    buf_finish(&b);
}

static void a_stolen_buffer_is_the_callers(void **state)
{
    struct buf b = BUF_INIT(100);
    size_t len = 99;
    char *empty = buf_steal(&b, &len), *text;

    (void)state;
    assert_string_equal(empty, "");
    assert_int_equal(len, 0);
    buf_append_str(&b, "abc");
    text = buf_steal(&b, &len);
    assert_string_equal(text, "abc");
    assert_null(b.data);
    free(empty);
    free(text);
}

static void json_strings_are_always_valid(void **state)
{
    struct buf b = BUF_INIT(1000);

    (void)state;
    buf_append_json_string(&b, "a\"\\\n\x01\x7f\xff\xED\xA0\x80\0z", 12);
    assert_string_equal(
        b.data,
        "\"a\\\"\\\\\\n\\u0001\\u007f\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\\u0000z\"");
    buf_finish(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_arena_ends_at_its_maximum), cmocka_unit_test(arena_texts),
        cmocka_unit_test(a_buffer_over_its_maximum_keeps_what_it_had),
        cmocka_unit_test(a_stolen_buffer_is_the_callers),
        cmocka_unit_test(json_strings_are_always_valid)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
