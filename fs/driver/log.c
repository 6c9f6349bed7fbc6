/* SPDX-License-Identifier: MIT */
/*
 * What libfuse has to say.  It takes one function without context, so this one pointer is the
 * driver's only state outside of a session; it is set once, before any thread.
 */
#include "private.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void (*log_line)(int syslog_level, const char *line);

__attribute__((format(printf, 2, 0))) static void take(enum fuse_log_level level,
						       const char *format, va_list args)
{
	char line[1024];
	size_t size;

	vsnprintf(line, sizeof(line), format, args);
	size = strcspn(line, "\n");
	line[size] = '\0';
	if (size > 0)
		log_line((int)level, line); /* the levels are syslog's */
}

void driver_set_log(void (*log)(int syslog_level, const char *line))
{
	log_line = log;
	fuse_set_log_func(take);
}
