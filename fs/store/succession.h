/* SPDX-License-Identifier: MIT */
/*
 * From GENESIS on, which seal key is in force: the public half of the succession of keys (FORMAT.md 5.1, 5.4, 5.5).
 *
 * Owns: nothing.  Knows nothing of: where records come from, secrets.  Threads: one at a time per struct.
 * Every signature of a record is checked before what it says is taken over.
 */
#ifndef INK_SUCCESSION_H
#define INK_SUCCESSION_H

#include "inkfs/reader.h"
#include "note.h"
#include "vkey.h"

struct succession {
	char vkey[INK_VKEY_SIZE];
	uint8_t store_id[INK_STORE_ID_SIZE];
	uint8_t log_key[INK_KEY_SIZE];
	uint8_t seal_key[INK_KEY_SIZE]; /* of @epoch */
	uint32_t epoch;
};

/* GENESIS, SEAL, EPOCH, REKEY: the kinds that sign. */
bool kind_is_signed(uint8_t kind);

/* Begin with a GENESIS: its signatures, its origin; sets all of @ret_keys.  false: nothing was set. */
bool succession_begin(struct succession *ret_keys, const struct ink_record *record);

/*
 * A SEAL, EPOCH or REKEY: its epoch, tree size and signatures; an EPOCH or REKEY puts its key in force.
 *
 * @root: the root of all records before it, which it must have; NULL if only its own word is wanted.
 * @ret_seal: its decoded body, which borrows from @record; may be NULL.
 */
bool succession_follow(struct succession *keys, const struct ink_record *record,
		       const uint8_t *root, struct ink_body_seal *ret_seal);

/* "ORIGIN/epoch/N", the name of the line of the seal key in a checkpoint; @ret_name: EPOCH_NAME_SIZE bytes. */
enum { EPOCH_NAME_SIZE = 300 };
void succession_name(struct ink_str origin, uint32_t epoch, char ret_name[static EPOCH_NAME_SIZE]);
/* Does a line say that a seal key of this log signs, whichever?  Without one, only the log key vouches. */
bool succession_has_line(const struct note *note, struct ink_str origin);

#endif
