/* SPDX-License-Identifier: MIT */
/*
 * From what is on the disk to a catalog that follows the log: replay, and the setting aside of a tail
 * that a crash tore.
 *
 * Owns: nothing after the call.  Knows nothing of: locks, threads, secret keys.
 * Threads: the caller has the store to itself.
 *
 * How torn is told from tampered (FORMAT.md section 6): by position.  Records below the durable size
 * were synced; a fault there is INK_ERR_DAMAGED, and nothing is changed.  A fault at or behind it may
 * be a crash: the log ends there.  The remainder goes to lost/SEQ.tail in these steps, each of which
 * can be cut off and is then done again:
 *   (1) copy to lost/tail.new, sync, rename to lost/SEQ.tail (SEQ.1.tail, … if that is another's),
 *       sync the folder; a file with that name and at least these bytes is the same recovery's
 *   (2) remove the segments behind, the last first, sync the folder
 *   (3) cut the segment, sync
 * Then RECOVERY is written as record SEQ, with the digests of all of SEQ.tail, SEQ.1.tail, ….  If that did
 * not come about, the next opening finds them and no record SEQ, and writes it then.
 */
#ifndef INK_RECOVER_H
#define INK_RECOVER_H

#include "catalog.h"
#include "io.h"

struct recover_options {
	const struct io *io;
	const char *path; /* of the store */
	uint32_t
		epoch_min; /* the seal key's: the EPOCH that began it was synced before its file was written */
	bool is_read_only; /* stop at a fault, change nothing */
	/* With is_read_only: an APPEND whose body is damaged is passed; the chain goes on over its header. */
	bool is_lenient;
	bool is_index_only;     /* stop at a fault, commit the index, change nothing else */
	uint64_t durable_count; /* records that another index says were synced; 0: none */
};

struct recover_result {
	uint64_t replayed_count; /* records that the index had not */
	uint64_t unsealed_count; /* at the end of the log */
	uint64_t durable_size;   /* as known before */
	const char
		*end_fault; /* not cut off: what lies behind the last good record; NULL: nothing */
	/* Set aside now, or by a recovery that was cut off: as in struct ink_body_recovery. */
	unsigned lost_count;
	uint64_t lost_place;
	struct recover_lost {
		uint64_t size;
		uint8_t digest[INK_HASH_SIZE];
	} lost[INK_LOST_COUNT_MAX];
};

/*
 * Bring @catalog up to the end of the log, checking every record and seal on the way, and make the
 * log end there.  The index is committed whenever much has gathered; what remains is the caller's to commit.
 *
 * INK_ERR_DAMAGED, INK_ERR_FOREIGN, INK_ERR_IO with a sentence in @ret_error.
 */
INK_MUST_CHECK enum ink_err recover(const struct recover_options *options, struct index *index,
				    struct catalog *catalog, struct recover_result *ret_result,
				    struct ink_error *ret_error);

#endif
