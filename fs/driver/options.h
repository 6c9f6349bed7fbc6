/* SPDX-License-Identifier: MIT */
/*
 * The options behind -o: those of the store, of the driver, and what mount(8) and fstab add.
 *
 * Owns: the strings it parsed.  Knows nothing of: stores, FUSE.  Threads: any.
 */
#ifndef DRIVER_OPTIONS_H
#define DRIVER_OPTIONS_H

#include <limits.h>

#include "inkfs/store.h"

enum { OPTIONS_TEXT_SIZE = 4096 };

struct options {
	/* The numbers are 0 where nothing was said; keys_dir points to @keys_dir below. */
	struct ink_options store;
	bool is_sync;            /* every write is durable before it returns */
	bool is_for_all;         /* allow_other */
	bool is_point_immutable; /* the bare mount point gets the immutable flag */
	uint32_t thread_count;
	uint32_t checkpoint_interval_s; /* 0: the default */
	uint32_t checkpoint_timeout_s;  /* 0: the default */
	char checkpoint_to[PATH_MAX];   /* absolute; empty: nowhere */
	char keys_dir[PATH_MAX];
	char flags[OPTIONS_TEXT_SIZE]; /* generic ones for the system, with commas */
	uint32_t given;                /* bits of the table in options.c */
};

/*
 * Parse one argument of -o; may be called several times on one @options, which begins as zeros.
 *
 * @is_sloppy: ignore what is not known.
 * @ret_error: on failure, one sentence.
 */
INK_MUST_CHECK enum ink_err options_parse(struct options *options, const char *text, bool is_sloppy,
					  struct ink_error *ret_error);

/* After the last: do they go together?  Then the text for the MOUNT record, with all that is in force. */
INK_MUST_CHECK enum ink_err options_check(const struct options *options,
					  char ret_text[static OPTIONS_TEXT_SIZE],
					  struct ink_error *ret_error);

#endif
