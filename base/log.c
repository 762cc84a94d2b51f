/* SPDX-License-Identifier: Apache-2.0 */
#include "log.h"
#include "clock.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_BYTES_MAX 16384

static struct {
    int fd;
    enum log_level lowest;
} sink = {STDERR_FILENO, LOG_INFO};

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_setup(int fd, enum log_level lowest)
{
    sink.fd = fd;
    sink.lowest = lowest;
}

void log_begin(struct log_line *l, enum log_level level, const char *event)
{
    char when[CLOCK_TEXT_BYTES];
    int64_t now_us = clock_unix_us();

    l->level = level;
    buf_init(&l->buf, LINE_BYTES_MAX);
    if (level < sink.lowest)
        return;
    clock_format_rfc3339(now_us / US_PER_S, when);
    when[19] = '\0'; /* the fraction goes before the Z */
    buf_printf(&l->buf, "{\"time\":\"%s.%06dZ\",\"level\":\"%s\",\"event\":", when,
               (int)(now_us % US_PER_S), level_names[level]);
    buf_append_json_string(&l->buf, event, strlen(event));
}

static void key_of(struct log_line *l, const char *key)
{
    buf_append_char(&l->buf, ',');
    buf_append_json_string(&l->buf, key, strlen(key));
    buf_append_char(&l->buf, ':');
}

void log_str(struct log_line *l, const char *key, const char *value)
{
    if (l->level < sink.lowest)
        return;
    key_of(l, key);
    if (value)
        buf_append_json_string(&l->buf, value, strlen(value));
    else
        buf_append_str(&l->buf, "null");
}

void log_int(struct log_line *l, const char *key, int64_t value)
{
    if (l->level < sink.lowest)
        return;
    key_of(l, key);
    buf_printf(&l->buf, "%lld", (long long)value);
}

static void write_all(const char *p, size_t len)
{
    while (len > 0) {
        ssize_t n = write(sink.fd, p, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return; /* nowhere left to say so */
        p += n;
        len -= (size_t)n;
    }
}

void log_end(struct log_line *l)
{
    if (l->level >= sink.lowest) {
        buf_append_str(&l->buf, "}\n");
        if (!buf_failed(&l->buf))
            write_all(l->buf.data, l->buf.len);
    }
    buf_finish(&l->buf);
}

void log_message(enum log_level level, const char *event, const char *fmt, ...)
{
    struct log_line l;
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    log_begin(&l, level, event);
    log_str(&l, "message", text);
    log_end(&l);
}
