/* SPDX-License-Identifier: MIT */
/*
 * Which records somebody wants to see: the options that log, grep and blame share, and the decision.
 *
 * Owns: the decision on each process, made once.  Knows nothing of: where records come from.  Threads: one per struct.
 */
#ifndef TOOLS_FILTER_H
#define TOOLS_FILTER_H

#include <getopt.h>

#include "replay.h"

enum { FILTER_LIST_MAX = 64 };

/* Words that were given, any of which may match. */
struct filter_list {
	const char *words[FILTER_LIST_MAX];
	size_t count;
};

struct filter {
	uint64_t from_seq; /* first record */
	uint64_t to_seq;   /* last record; UINT64_MAX: no end */
	bool is_behind;    /* from_seq is from --after */
	bool has_since, has_until;
	int64_t since_ns, until_ns; /* both included */
	uint32_t kinds;             /* bit 1 << kind; 0: all */
	struct filter_list paths, processes, jobs;
	uint32_t uids[FILTER_LIST_MAX];
	size_t uid_count;
	/* What was decided on the actors met so far, by seq, ascending. */
	struct filter_verdict *verdicts;
	size_t verdict_count, verdict_capacity;
};

/* Values of getopt_long() for the options below; a command's own stay beneath. */
enum filter_option {
	FILTER_SINCE = 0x100,
	FILTER_UNTIL,
	FILTER_FROM,
	FILTER_TO,
	FILTER_AFTER,
	FILTER_KIND,
	FILTER_PATH,
	FILTER_USER,
	FILTER_PROCESS,
	FILTER_JOB,
};

#define FILTER_OPTIONS                                                  \
	{ "since", required_argument, NULL, FILTER_SINCE },             \
		{ "until", required_argument, NULL, FILTER_UNTIL },     \
		{ "from", required_argument, NULL, FILTER_FROM },       \
		{ "to", required_argument, NULL, FILTER_TO },           \
		{ "user", required_argument, NULL, FILTER_USER },       \
		{ "process", required_argument, NULL, FILTER_PROCESS }, \
		{ "job", required_argument, NULL, FILTER_JOB },         \
	{                                                               \
		"path", required_argument, NULL, FILTER_PATH            \
	}

/* What --help says of --path, and of the others. */
#define FILTER_USAGE_PATH                                                                                        \
	"  --path PATTERN  about this path or what lies beneath it; '*', '?' and '[…]' as in the shell, but\n" \
	"                  '*' goes over slashes; the first slash may be left out\n"
#define FILTER_USAGE                                                                                             \
	"  --since TIME    not before TIME: RFC 3339 ('2026-11-21T09:35:17Z', a date alone will do), '2 hours\n" \
	"                  ago', '15min', 'today', 'yesterday', @SECONDS since 1970; UTC if no zone is said\n"   \
	"  --until TIME    not after TIME\n"                                                                     \
	"  --from SEQ, --to SEQ  from, and up to, record number SEQ\n"                                           \
	"  --user USER     by this user: a number, or a name of this machine; his login counts too, so that\n"   \
	"                  sudo does not hide him\n"                                                             \
	"  --process P     by this process: a pid, or a pattern for its name or, with a slash, its program\n"    \
	"  --job PATTERN   in this CI job: 'SYSTEM/IDENTIFIER' as blame shows it, or any identifier's value;\n"  \
	"                  '-': in none, as far as is known\n"                                                   \
	"                  (each of these and --path may be given several times: any one will do)\n"

void filter_init(struct filter *filter);
void filter_release(struct filter *filter);

/*
 * Take one option of the command @cmd_name.  1: taken, 0: not one of these, -1: wrong, after having complained.
 */
int filter_take(struct filter *filter, const char *cmd_name, int option, const char *value);

/* Do the options taken go together?  false after having complained. */
bool filter_is_possible(const struct filter *filter, const char *cmd_name);

/*
 * Does @pattern mean @path: the path itself, what lies beneath it, or a pattern in which '*' goes over slashes?  @path begins
 * with a slash, @pattern need not.
 */
bool filter_path_matches(const char *pattern, const char *path);
/* true also if no path is asked for.  @path: NULL for none. */
bool filter_has_path(const struct filter *filter, const char *path);
/* Time and number of the record. */
bool filter_has_time(const struct filter *filter, const struct ink_header *header);
/* Time, number and caller; an ACTOR record counts as called by the process that it tells of. */
bool filter_has_caller(struct filter *filter, struct replay *replay,
		       const struct ink_header *header);
bool filter_has_kind(const struct filter *filter, uint8_t kind);
/* Is there a condition on the process, so that filter_has_actor() tells? */
bool filter_asks_actor(const struct filter *filter);
/* Process and job of the ACTOR record @seq. */
bool filter_has_actor(struct filter *filter, struct replay *replay, uint64_t seq);
/* Is it known that one of the users logged in for the process of ACTOR record @seq? */
bool filter_has_login(const struct filter *filter, struct replay *replay, uint64_t seq);
/* Is there a condition on who did it? */
bool filter_asks_caller(const struct filter *filter);

#endif
