/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Calls that have a safe replacement in this project are compile errors. Included before every
 * source by the build.
 *
 * strcpy strcat strncpy strncat sprintf vsprintf -> buf_printf(), arena_printf(), snprintf()
 * strtok -> strtok_r() or the span helpers; atoi/atol -> text_to_i64(); rand -> RAND_bytes()
 * gmtime localtime ctime asctime mktime -> clock.h (never the process's time zone)
 */
#ifndef CP_BANNED_H
#define CP_BANNED_H
/* The system headers declare these names, so they must be read before the names are poisoned. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok atoi atol atoll srand
/* Not poisoned: openssl/evp.h names parameters so. A call is an error all the same. */
int rand(void) __attribute__((deprecated("banned: use RAND_bytes()")));
#pragma GCC poison gmtime localtime ctime asctime mktime gets
#endif
