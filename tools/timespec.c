/* SPDX-License-Identifier: MIT */
#include "timespec.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#define NS_PER_S INT64_C(1000000000)
#define S_PER_DAY INT64_C(86400)

static const struct {
	const char *name;
	int64_t seconds;
} units[] = {
	{ "s", 1 },         { "sec", 1 },         { "second", 1 },        { "m", 60 },
	{ "min", 60 },      { "minute", 60 },     { "h", 3600 },          { "hour", 3600 },
	{ "d", S_PER_DAY }, { "day", S_PER_DAY }, { "w", 7 * S_PER_DAY }, { "week", 7 * S_PER_DAY },
};

/* @count digits; false if there are fewer. */
static bool take_digits(const char **at, int count, int64_t *ret_value)
{
	int64_t value = 0;

	for (int i = 0; i < count; i++) {
		if (!isdigit((unsigned char)(*at)[i]))
			return false;
		value = 10 * value + ((*at)[i] - '0');
	}
	*at += count;
	*ret_value = value;
	return true;
}

/* Any number of digits, no larger than @max. */
static bool take_number(const char **at, int64_t max, int64_t *ret_value)
{
	int64_t value = 0;

	if (!isdigit((unsigned char)**at))
		return false;
	for (; isdigit((unsigned char)**at); (*at)++) {
		value = 10 * value + (**at - '0');
		if (value > max)
			return false;
	}
	*ret_value = value;
	return true;
}

/* ".5" as nanoseconds; what is finer is cut off; nothing is 0. */
static bool take_fraction(const char **at, int64_t *ret_ns)
{
	int64_t unit = NS_PER_S;

	*ret_ns = 0;
	if (**at != '.' && **at != ',')
		return true;
	(*at)++;
	if (!isdigit((unsigned char)**at))
		return false;
	for (; isdigit((unsigned char)**at); (*at)++) {
		unit /= 10;
		*ret_ns += unit * (**at - '0');
	}
	return true;
}

static bool take(const char **at, char c)
{
	if (**at != c)
		return false;
	(*at)++;
	return true;
}

static bool is_leap(int64_t year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days from 1970-01-01; false if there is no such date. */
static bool days_of(int64_t year, int64_t month, int64_t day, int64_t *ret_days)
{
	static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int64_t days = 0;

	/* What fits into an int64_t of nanoseconds. */
	if (year < 1678 || year > 2261 || month < 1 || month > 12 || day < 1 ||
	    day > lengths[month - 1] + (month == 2 && is_leap(year)))
		return false;
	for (int64_t y = 1970; y < year; y++)
		days += is_leap(y) ? 366 : 365;
	for (int64_t y = year; y < 1970; y++)
		days -= is_leap(y) ? 366 : 365;
	for (int64_t m = 1; m < month; m++)
		days += lengths[m - 1] + (m == 2 && is_leap(year));
	*ret_days = days + day - 1;
	return true;
}

/* "Z", "+01:00" or nothing (UTC): seconds to take away. */
static bool take_zone(const char **at, int64_t *ret_seconds)
{
	int64_t hours, minutes, sign;

	*ret_seconds = 0;
	if (**at == '\0' || take(at, 'Z') || take(at, 'z'))
		return true;
	sign = **at == '-' ? -1 : 1;
	if (**at != '+' && **at != '-')
		return false;
	(*at)++;
	if (!take_digits(at, 2, &hours) || !take(at, ':') || !take_digits(at, 2, &minutes) ||
	    hours > 23 || minutes > 59)
		return false;
	*ret_seconds = sign * (hours * 3600 + minutes * 60);
	return true;
}

static bool parse_date(const char *text, int64_t *ret_ns)
{
	int64_t year, month, day, days, hour = 0, minute = 0, second = 0, ns = 0, zone = 0;

	if (!take_digits(&text, 4, &year) || !take(&text, '-') || !take_digits(&text, 2, &month) ||
	    !take(&text, '-') || !take_digits(&text, 2, &day) || !days_of(year, month, day, &days))
		return false;
	if (*text == 'T' || *text == 't' || *text == ' ') {
		text++;
		if (!take_digits(&text, 2, &hour) || !take(&text, ':') ||
		    !take_digits(&text, 2, &minute))
			return false;
		if (take(&text, ':') &&
		    (!take_digits(&text, 2, &second) || !take_fraction(&text, &ns)))
			return false;
		/* 60: a leap second, which the clock does not have. */
		if (hour > 23 || minute > 59 || second > 60 || !take_zone(&text, &zone))
			return false;
	}
	*ret_ns = (days * S_PER_DAY + hour * 3600 + minute * 60 + second - zone) * NS_PER_S + ns;
	return *text == '\0';
}

static bool parse_epoch(const char *text, int64_t *ret_ns)
{
	int64_t seconds, ns;

	if (!take_number(&text, INT64_MAX / NS_PER_S - 1, &seconds) || !take_fraction(&text, &ns))
		return false;
	*ret_ns = seconds * NS_PER_S + ns;
	return *text == '\0';
}

static bool find_unit(const char *name, size_t size, int64_t *ret_seconds)
{
	if (size > 2 && name[size - 1] == 's')
		size--;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strlen(units[i].name) == size && strncasecmp(units[i].name, name, size) == 0) {
			*ret_seconds = units[i].seconds;
			return true;
		}
	}
	return false;
}

/* "2 hours ago", "1h 30min ago", "15m". */
static bool parse_ago(const char *text, int64_t now_ns, int64_t *ret_ns)
{
	const int64_t max = INT64_C(200) * 366 * S_PER_DAY;
	int64_t total = 0;

	do {
		int64_t count, seconds;
		size_t size;

		if (!take_number(&text, max, &count))
			return false;
		text += strspn(text, " ");
		size = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
		if (!find_unit(text, size, &seconds) || count > (max - total) / seconds)
			return false;
		total += count * seconds;
		text += size;
		text += strspn(text, " ");
	} while (isdigit((unsigned char)*text));
	if (*text != '\0' && strcasecmp(text, "ago") != 0)
		return false;
	*ret_ns = now_ns - total * NS_PER_S;
	return true;
}

bool timespec_parse(const char *text, int64_t now_ns, int64_t *ret_ns)
{
	int64_t today = now_ns - now_ns % (S_PER_DAY * NS_PER_S);

	if (strcasecmp(text, "now") == 0) {
		*ret_ns = now_ns;
	} else if (strcasecmp(text, "today") == 0) {
		*ret_ns = today;
	} else if (strcasecmp(text, "yesterday") == 0) {
		*ret_ns = today - S_PER_DAY * NS_PER_S;
	} else if (*text == '@') {
		return parse_epoch(text + 1, ret_ns);
	} else {
		return parse_date(text, ret_ns) || parse_ago(text, now_ns, ret_ns);
	}
	return true;
}
