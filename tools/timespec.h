/* SPDX-License-Identifier: MIT */
/*
 * Points in time as people write them.
 *
 * Owns: nothing.  Knows nothing of: records.  Threads: any.
 */
#ifndef TOOLS_TIMESPEC_H
#define TOOLS_TIMESPEC_H

#include <stdbool.h>
#include <stdint.h>

/*
 * One of
 *   2026-11-21T09:35:17.504Z, …+01:00   RFC 3339; a space for the T, no seconds, no time and no zone (UTC) will do
 *   @1795253717.5                       seconds since 1970
 *   "2 hours ago", "15min ago", "1d"    s(econds), min(utes), h(ours), d(ays), w(eeks) before @now_ns
 *   now, today, yesterday               days begin at 00:00 UTC
 *
 * @now_ns, @ret_ns: since 1970 UTC.  false: none of these, or a date that there is not.
 */
bool timespec_parse(const char *text, int64_t now_ns, int64_t *ret_ns);

#endif
