/* SPDX-License-Identifier: MIT */
/*
 * Recovery inside: recover.c replays and judges where the log ends, recover_known.c holds the index against the log
 * before, recover_seals.c looks at signatures, recover_tail.c sets aside what lies behind the end, recover_sync.c puts
 * on the disk what is replayed.
 */
#ifndef INK_RECOVER_PRIVATE_H
#define INK_RECOVER_PRIVATE_H

#include <limits.h>

#include "recover.h"
#include "walk.h"

struct recovery {
	const struct recover_options *options;
	const struct io *io;
	struct index *index;
	struct catalog *catalog;
	struct walk walk;
	char log_dir[PATH_MAX];
	char lost_dir[PATH_MAX];
	struct recover_result *result;
	uint64_t erase_seq, erase_place; /* of the last ERASE that was replayed; 0: none */
	struct ink_error *error;
};

/* recover_known.c */

/*
 * From the last seal that the index knows to its last record; the walk then stands behind that.  Of the index its place,
 * tree, last leaf and count of files are held against the log and the rest of the index.
 *
 * @ret_wrong: what the index has that the log has not, or NULL.  INK_ERR_DAMAGED: those records are not there.
 */
INK_MUST_CHECK enum ink_err recover_known(struct recovery *r, const char **ret_wrong);

/* recover_seals.c */

/* Are the signatures of this record good, by the keys in force before it?  Only kinds that are signed. */
bool recover_signatures_are_good(const struct head *head, const struct ink_record *record,
				 const union ink_body *body);
/*
 * Is there, behind the fault at record @fault_seq, a good seal that says that the fault's place had been
 * synced?  Then the fault is evidence.  The walk goes on to the end of the log.
 */
INK_MUST_CHECK enum ink_err recover_look_for_seals(struct recovery *r, uint64_t fault_seq,
						   bool *ret_is_evidence);

/*
 * recover_sync.c: all of the log that the index does not cover reaches the disk, whatever a sync before this opening
 * has lost.  INK_ERR_IO with a sentence.
 */
INK_MUST_CHECK enum ink_err recover_sync_segments(struct recovery *r);

/* recover_tail.c: INK_ERR_IO with a sentence. */

/* Without a sentence.  Only what is not there does not exist: not to be able to open it says nothing of that. */
INK_MUST_CHECK enum ink_err recover_segment_exists(const struct recovery *r, uint32_t segment,
						   bool *ret_exists);
/* All behind the last good record goes to lost/, in the steps that recover.h tells. */
INK_MUST_CHECK enum ink_err recover_set_aside(struct recovery *r);
/* Nothing but zeros lies there: only a segment without records, if one was begun, goes. */
INK_MUST_CHECK enum ink_err recover_clear_end(struct recovery *r);

#endif
