/* SPDX-License-Identifier: MIT */
/*
 * Does a line hold a pattern?
 *
 * Owns: the compiled pattern (the only PCRE2).  Knows nothing of: files, records.  Threads: one per handle.
 */
#ifndef TOOLS_MATCH_H
#define TOOLS_MATCH_H

#include <stdbool.h>
#include <stddef.h>

struct match;

/*
 * @is_fixed: a string and no regular expression (PCRE2 syntax).  @is_caseless: upper and lower case are one, in UTF-8.
 * NULL after having complained as the command @cmd_name: not a pattern.
 */
struct match *match_open(const char *cmd_name, const char *pattern, bool is_fixed,
			 bool is_caseless);
/* Takes NULL. */
void match_close(struct match *match);

/*
 * The first line of the @size bytes at @data (whole lines) that holds the pattern.  @ret_line, @ret_line_size: that line,
 * without its line feed.  false: there is none, or match_has_failed().
 */
bool match_find(struct match *match, const char *data, size_t size, const char **ret_line,
		size_t *ret_line_size);
/* A line took more work than PCRE2 allows, or memory was short: some lines were not decided. */
bool match_has_failed(const struct match *match);

#endif
