/* SPDX-License-Identifier: Apache-2.0 */
/**
 * One JSON object a line on a descriptor (standard error by default). Only main and the end of a
 * request log; lower layers return errors. Never pass a secret. Threads: any; a line is one
 * write(2), so lines do not mix. May block as long as the descriptor's reader does.
 */
#ifndef CP_LOG_H
#define CP_LOG_H
#include "buf.h"

#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/** Choose descriptor and lowest level written. Call before other threads run. */
void log_setup(int fd, enum log_level lowest);

/** A line under construction; the fields are appended in order. */
struct log_line {
    struct buf buf;
    enum log_level level;
};
/** Begin a line {"time":..,"level":..,"event":event. */
void log_begin(struct log_line *l, enum log_level level, const char *event);
void log_str(struct log_line *l, const char *key, const char *value); /* NULL is written as null */
void log_int(struct log_line *l, const char *key, int64_t value);
/** Write the line and free it. */
void log_end(struct log_line *l);
/** One line with a single formatted "message". */
void log_message(enum log_level level, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
#endif
