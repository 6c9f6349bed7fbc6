/* SPDX-License-Identifier: MIT */
/*
 * Where `inkfs log` prints to: what may be shown already, and how far that got.
 *
 * Owns: what is not printed yet, and the state file.  Knows nothing of: records, filters, formats.  Threads: one per struct.
 *
 * What is printed under a state, or while following, is signed; a state is kept only of what was printed, and where that
 * is a file, synced.  So whoever is killed at any moment and goes on prints each record once.
 */
#ifndef TOOLS_OUTLET_H
#define TOOLS_OUTLET_H

#include "line.h"
#include "state.h"

struct outlet {
	struct line line; /* to be printed: whoever has something puts it behind */
	struct line host; /* of the last MOUNT, escaped: a part of what a later run must know */
	bool holds_unsigned;
	const char *format_name;
	struct state state;
	/* The rest is the outlet's own. */
	size_t signed_size;   /* of the line, about records that a seal covers */
	uint64_t signed_next; /* the record behind them */
	uint8_t signed_leaf[INK_HASH_SIZE];
	bool has_signed;
	uint64_t skip_size;   /* of what comes, that stands in the output already */
	uint64_t output_size; /* of a file, so far */
	bool is_file;
};

/*
 * Print to stdout.  @format_name, @state_path: borrowed; @state_path may be NULL.  @is_following: nothing unsigned.
 * outlet->state.is_found tells whether to go on, from state.next_seq.  false after having complained.
 */
bool outlet_init(struct outlet *outlet, const char *format_name, const char *state_path,
		 bool is_following);
/* Takes a zeroed struct too. */
void outlet_release(struct outlet *outlet);

/*
 * Before the first record, which will be @next_seq behind one with hash @leaf: does that continue what was printed?
 * @heading: printed once, at the start of the output; may be NULL.  false after having complained.
 */
bool outlet_begin(struct outlet *outlet, const char *heading, uint64_t next_seq,
		  const uint8_t leaf[static INK_HASH_SIZE]);
/*
 * What there was to say of the records before @next_seq stands in the line.  @is_sealed: a seal covers all of them.
 * false: nobody takes the output any more, or after having complained.
 */
bool outlet_take(struct outlet *outlet, uint64_t next_seq, const uint8_t leaf[static INK_HASH_SIZE],
		 bool is_sealed);
/* Print what may be printed, and keep how far that was.  false: as above. */
bool outlet_flush(struct outlet *outlet);

#endif
