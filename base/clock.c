/* SPDX-License-Identifier: Apache-2.0 */
#include "clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct civil {
    int64_t year;
    int month, day, hour, minute, second;
};

static int64_t now_us(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * US_PER_S + ts.tv_nsec / 1000;
}

int64_t clock_mono_us(void)
{
    return now_us(CLOCK_MONOTONIC);
}

int64_t clock_unix_us(void)
{
    return now_us(CLOCK_REALTIME);
}

int64_t clock_unix_s(void)
{
    return clock_unix_us() / US_PER_S;
}

/* Days since 1970-01-01 of a proleptic Gregorian date, counted in 400-year eras that begin on 1
 * March. */
static int64_t days_from_civil(int64_t year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    return era * 146097 + day_of_era - 719468;
}

static struct civil civil_from_unix(int64_t unix_s)
{
    int64_t days = unix_s / 86400 - (unix_s % 86400 < 0);
    int64_t rest = unix_s - days * 86400;
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    int month = (int)(mp < 10 ? mp + 3 : mp - 9);

    return (struct civil){yoe + era * 400 + (month <= 2),
                          month,
                          (int)(doy - (153 * mp + 2) / 5 + 1),
                          (int)(rest / 3600),
                          (int)(rest / 60 % 60),
                          (int)(rest % 60)};
}

static void put_digits(char *p, int64_t value, int digits)
{
    while (digits-- > 0) {
        p[digits] = (char)('0' + value % 10);
        value /= 10;
    }
}

static void put_civil(struct civil c, char separator, char *p)
{
    memcpy(p, "0000-00-00 00:00:00", 20);
    put_digits(p, c.year, 4);
    put_digits(p + 5, c.month, 2);
    put_digits(p + 8, c.day, 2);
    p[10] = separator;
    put_digits(p + 11, c.hour, 2);
    put_digits(p + 14, c.minute, 2);
    put_digits(p + 17, c.second, 2);
}

void clock_format_rfc3339(int64_t unix_s, char ret[CLOCK_TEXT_BYTES])
{
    put_civil(civil_from_unix(unix_s), 'T', ret);
    memcpy(ret + 19, "Z", 2);
}

void clock_format_local(int64_t unix_s, int utc_offset_min, char ret[CLOCK_TEXT_BYTES])
{
    put_civil(civil_from_unix(unix_s + (int64_t)utc_offset_min * 60), ' ', ret);
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int get_digits(const char *p, int digits)
{
    int value = 0;

    for (int i = 0; i < digits; i++) {
        if (p[i] < '0' || p[i] > '9')
            return -1;
        value = value * 10 + (p[i] - '0');
    }
    return value;
}

static bool parse_rfc3339(struct text t, struct civil *ret)
{
    static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const char *p = t.p;
    int year, month, day, hour, minute, second;

    if (t.len != 20 || p[4] != '-' || p[7] != '-' || p[10] != 'T' || p[13] != ':' || p[16] != ':' ||
        p[19] != 'Z')
        return false;
    year = get_digits(p, 4);
    month = get_digits(p + 5, 2);
    day = get_digits(p + 8, 2);
    hour = get_digits(p + 11, 2);
    minute = get_digits(p + 14, 2);
    second = get_digits(p + 17, 2);
    if (year < 0 || month < 1 || month > 12 || day < 1 || hour < 0 || hour > 23 || minute < 0 ||
        minute > 59 || second < 0 || second > 59)
        return false;
    if (day > month_days[month - 1] + (month == 2 && is_leap(year)))
        return false;
    *ret = (struct civil){year, month, day, hour, minute, second};
    return true;
}

size_t clock_vtime(struct text rfc3339, int utc_offset_min, char ret[CLOCK_TEXT_BYTES])
{
    struct civil c;
    int64_t minute;

    ret[0] = '\0';
    if (!parse_rfc3339(rfc3339, &c))
        return 0;
    minute = c.hour * 60 + c.minute + utc_offset_min;
    if (minute < 0 || minute >= 1440) {
        /* only a carried day needs the calendar */
        int64_t days = days_from_civil(c.year, c.month, c.day);
        struct civil shifted = civil_from_unix(days * 86400 + minute * 60 + c.second);

        if (shifted.year < 0 || shifted.year > 9999)
            return 0;
        put_civil(shifted, ' ', ret);
        return 19;
    }
    c.hour = (int)(minute / 60);
    c.minute = (int)(minute % 60);
    put_civil(c, ' ', ret);
    return 19;
}
