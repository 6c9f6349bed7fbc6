/* SPDX-License-Identifier: MIT */
/*
 * Evidence files: some records of a log, with all that is needed to check them without the log.
 *
 * Owns: nothing.  Knows nothing of: secret keys, paths in the file system.  Threads: any.
 * The bytes are specified in fs/store/EVIDENCE.md.
 */
#ifndef INKFS_EVIDENCE_H
#define INKFS_EVIDENCE_H

#include "inkfs/reader.h"
#include "inkfs/verify.h"

/* What the records are shown for; the check holds them to it. */
enum ink_claim {
	INK_CLAIM_RECORDS = 1, /* these records; nothing is said of others */
	INK_CLAIM_BYTES,       /* all bytes of one file from @first to @last */
	INK_CLAIM_RUN,         /* all records from number @first to @last */
};

enum {
	INK_EVIDENCE_SIZE_MAX = 128 << 20, /* bytes */
	INK_EVIDENCE_RECORDS_MAX = 1 << 20,
};

struct ink_evidence_request {
	enum ink_claim claim;
	uint64_t first, last, inode; /* INK_CLAIM_BYTES; first and last of INK_CLAIM_RUN */
	const uint64_t *seqs;        /* the records, ascending */
	size_t seq_count;
	const uint64_t *
		context_seqs; /* others that say who and where, ascending, none of them in @seqs; or NULL */
	size_t context_count;
	struct ink_checkpoint_text
		checkpoint; /* of the state to prove from; larger than each number */
	bool is_short;      /* without the succession of keys: then all rests on the log key */
};

/*
 * Make evidence from the store @path.  It has been checked as by ink_evidence_check() when this returns.
 *
 * @ret_data: to be freed by the caller.
 * INK_ERR_DAMAGED: the log is not the one that was signed, or damaged there.  INK_ERR_LIMIT: too much for one file.
 * INK_ERR_NOT_FOUND: a record is not covered by the checkpoint, or was erased.
 */
INK_API INK_MUST_CHECK enum ink_err ink_evidence_make(const char *path,
						      const struct ink_evidence_request *request,
						      uint8_t **ret_data, size_t *ret_size,
						      struct ink_error *ret_error);

struct ink_evidence {
	enum ink_claim claim;
	uint64_t first, last, inode;
	size_t record_count; /* that are claimed */
	size_t context_count;
	uint64_t checkpoint_size; /* records */
	uint8_t root[INK_HASH_SIZE];
	bool has_succession;  /* the next three say something */
	uint32_t epoch_count; /* seal keys, from GENESIS on, each named by the one before */
	uint32_t rekey_count; /* of them, named by the log key alone */
	bool is_covered; /* every record lies before an EPOCH that the seal key of its time signed and did not outlive, and no REKEY comes before that */
	uint64_t
		cosigned_s; /* when the seal key signed the checkpoint, by the machine's clock; 0: not known */
	bool is_pinned; /* the checkpoint is the one that was given */
	bool is_pin_weak; /* and that one has no line of a seal key: who has the log key could have made it */
};

/* @tlog_proof: the C2SP tlog-proof of the record, whose entry is record->entry.  false ends the calls. */
typedef bool (*ink_evidence_fn)(void *ctx, const struct ink_record *record, bool is_claimed,
				struct ink_str tlog_proof);

/*
 * Check evidence: every byte of it.
 *
 * @vkey: the verification key, from a trusted hand.  @pinned: a checkpoint that was kept, or NULL; then the evidence
 * must be under that very one.
 * @on_record: called for each record, in order, once all of them are good; or NULL.
 *
 * INK_ERR_DAMAGED: bad evidence.  INK_ERR_FOREIGN: not evidence at all, or of a version of later.
 */
INK_API INK_MUST_CHECK enum ink_err ink_evidence_check(const uint8_t *data, size_t size,
						       const char *vkey,
						       const struct ink_checkpoint_text *pinned,
						       ink_evidence_fn on_record, void *ctx,
						       struct ink_evidence *ret_evidence,
						       struct ink_error *ret_error);

#endif
