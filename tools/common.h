/* SPDX-License-Identifier: MIT */
/*
 * What all subcommands share: the shape of a subcommand, exit codes, options, complaints.
 *
 * Owns: nothing.  Knows nothing of: stores.  Threads: one; tools have no second.
 */
#ifndef TOOLS_COMMON_H
#define TOOLS_COMMON_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "inkfs/err.h"

enum exit_code {
	EXIT_GOOD = 0,
	EXIT_BAD = 1,       /* the evidence is bad, or what was asked for failed */
	EXIT_USAGE = 2,     /* the command line makes no sense; nothing was done */
	EXIT_UNCHECKED = 3, /* verify, key --check: could not check */
};

struct cmd {
	const char *name;
	/* @argv[0] is the name of the subcommand.  Returns an enum exit_code. */
	int (*run)(int argc, char **argv);
	const char *summary; /* one line for `inkfs help` */
	const char *usage;   /* all of --help, with an example; ends in a line feed */
};

/* Every subcommand, in the order of `inkfs help`; the last is NULL. */
extern const struct cmd *const cmds[];

/* NULL if there is none. */
const struct cmd *cmd_find(const char *name);

/* One line "inkfs: SENTENCE" on stderr; what could drive a terminal is escaped, line feeds too. */
void complain(const char *format, ...) INK_PRINTF(1, 2);

/* One line "inkfs CMD: SENTENCE; 'inkfs CMD --help' …".  Returns EXIT_USAGE. */
int usage_error(const char *cmd_name, const char *format, ...) INK_PRINTF(2, 3);

/* Why a call failed that answers with a bare code; to be asked at once, as errno is. */
const char *reason_of(enum ink_err err);

/*
 * getopt_long() that says itself what is wrong with an option.  @longs only; short options in @shorts.
 * Returns the option, -1 at the end, '?' after having complained.
 */
int next_option(int argc, char **argv, const char *shorts, const struct option *longs);

/*
 * The arguments behind the options: between @min and @max of them.  @what names them for the sentence.
 * false after having complained.
 */
bool has_operands(int argc, char **argv, int min, int max, const char *what);

/* Decimal number, nothing before or behind it. */
bool parse_u64(const char *text, uint64_t *ret_value);
/* A number of bytes: decimal, then nothing, K, M, G, or KiB, MiB, GiB. */
bool parse_size(const char *text, uint64_t *ret_size);

/*
 * What stdio needs before anything is opened: the first three descriptors are taken, so that no file of a store
 * becomes stdout, and a closed pipe is an error to notice and not a signal.
 */
bool stdio_init(void);
/* Signals as a program that we start expects them. */
void stdio_restore_signals(void);
/* Has whoever read stdout gone away?  Waits up to @wait_ms for that. */
bool stdout_is_unread(int wait_ms);
/*
 * Close stdout.  @code, or if what was printed did not get out, @code_if_lost (having complained).  That a reader has seen
 * enough is no failure, unless it @must_be_read or something else was complained about.
 */
int stdio_close(int code, int code_if_lost, bool must_be_read);

#endif
