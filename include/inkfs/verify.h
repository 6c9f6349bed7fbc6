/* SPDX-License-Identifier: MIT */
/*
 * Verification of a store, offline, without trust in the machine that wrote it.
 *
 * Owns: its own descriptors and memory (bounded by the number of files and names, not of records).
 * Knows nothing of: signing, LMDB's library, FUSE, terminals.  Threads: one call per thread.
 * Writes nothing.  What is checked is listed in fs/store/FORMAT.md and in SECURITY.md.
 */
#ifndef INKFS_VERIFY_H
#define INKFS_VERIFY_H

#include "inkfs/record.h"
#include "inkfs/store.h"

enum ink_severity {
	INK_EVIDENCE, /* what is there is not what was recorded: not intact */
	INK_OBSERVATION, /* worth knowing, not against the evidence (unclean end, clock step, unsealed tail) */
};

/* What was found.  Stable names for programs: ink_finding_name(). */
enum ink_finding_code {
	INK_FIND_FOREIGN_FILE = 1, /* a file, link or folder that does not belong there */
	INK_FIND_SEGMENT_MISSING,
	INK_FIND_SEGMENT_HEADER,
	INK_FIND_SEGMENT_TAIL, /* bytes behind the last frame where none may be */
	INK_FIND_FRAME,        /* not a frame: magic, check, padding, size */
	INK_FIND_HEADER,       /* header fields that the format forbids */
	INK_FIND_SEQUENCE,
	INK_FIND_CHAIN,  /* prev is not the leaf hash before */
	INK_FIND_DIGEST, /* body is not what the header says */
	INK_FIND_BODY,   /* body that its kind forbids */
	INK_FIND_ROOT,   /* a seal's tree is not this tree */
	INK_FIND_SIGNATURE,
	INK_FIND_EPOCH,   /* key succession broken */
	INK_FIND_GENESIS, /* origin does not match, not the pinned key */
	INK_FIND_PINNED_KEY,
	INK_FIND_SESSION,     /* records outside a session, MOUNT without an end before it */
	INK_FIND_NAMES,       /* a record that the name space before it forbids */
	INK_FIND_OFFSET,      /* an APPEND that is not at the end of its file */
	INK_FIND_ACTOR,       /* refers to a record that is no ACTOR */
	INK_FIND_INDEX,       /* the index is not what the log says */
	INK_FIND_INDEX_AHEAD, /* the index, or a seal, knows of records that the log lacks: cut */
	INK_FIND_KEY_FILE,    /* key file damaged or of another store */
	INK_FIND_VKEY_FILE,
	INK_FIND_LOST_FILE, /* a file in lost/ is not what RECOVERY set aside */
	INK_FIND_ERASED,
	/* observations */
	INK_FIND_UNCLEAN_END, /* a session without UNMOUNT */
	INK_FIND_RECOVERY,
	INK_FIND_TORN_TAIL,
	INK_FIND_UNSEALED_TAIL,
	INK_FIND_CLOCK_BACK,
	INK_FIND_REKEY,
	INK_FIND_NO_INDEX,
	INK_FIND_INDEX_BEHIND,
	INK_FIND_NOT_CLOSED,
	INK_FIND_LOST_MISSING, /* a file that RECOVERY set aside is not there */
	INK_FIND_LOST_UNNAMED, /* one that no RECOVERY names yet */
	INK_FIND_EPOCH_LONG,   /* a seal key was in force for much longer than it should */
	/* evidence again: against a checkpoint from outside */
	INK_FIND_CHECKPOINT,       /* not signed by this store's key, or not of its origin */
	INK_FIND_CHECKPOINT_AHEAD, /* it has records that the log lacks: cut, or an older copy */
	INK_FIND_CHECKPOINT_FORK,  /* other records than were signed */
	/* an observation again */
	INK_FIND_CHECKPOINT_WEAK, /* it fits, but only the log key has signed it */
};

struct ink_finding {
	enum ink_finding_code code;
	enum ink_severity severity;
	bool has_record; /* the next six are known */
	uint64_t seq;
	uint64_t place;
	int64_t wall_ns;
	uint64_t inode;  /* 0: none */
	uint64_t offset; /* byte range in the file, for APPEND */
	uint64_t size;
	const char *
		path; /* of the inode, or of the file in the store; may be NULL; valid during the call */
	const char *text; /* one sentence; valid during the call */
};

typedef void (*ink_finding_fn)(void *ctx, const struct ink_finding *finding);
typedef void (*ink_progress_fn)(void *ctx, uint64_t done_bytes, uint64_t total_bytes,
				uint64_t record_count);

enum ink_trust {
	INK_TRUST_STORE_ONLY,
	INK_TRUST_PINNED_KEY,
	INK_TRUST_PINNED_CHECKPOINT, /* at least one of checkpoint_count; with or without a key */
};

/* A signed note (C2SP tlog-checkpoint) that was kept outside of the store. */
struct ink_checkpoint_text {
	const char *name; /* for findings and errors, such as the file's path */
	const void *data;
	size_t size; /* bytes */
};

struct ink_verify_options {
	const char *vkey;                              /* pinned verification key, or NULL */
	const struct ink_checkpoint_text *checkpoints; /* to hold the log against; or NULL */
	size_t checkpoint_count;
	/*
	 * Of the checkpoints that one, or NULL: the bytes written before it are not read again, nor the seals before
	 * it checked.  All headers are, and the tree up to it must be the one it signs; so what was recorded then is
	 * what is there, as far as somebody had verified it then.  INK_ERR_INVALID without a line of a seal key: whoever has
	 * the log key could have made it.
	 */
	const struct ink_checkpoint_text *since;
	unsigned thread_count; /* that hash, at most 64; 0: one for each CPU this process may use */
	ink_finding_fn on_finding;   /* called from the calling thread */
	ink_progress_fn on_progress; /* NULL: none */
	void *ctx;
};

struct ink_verify_result {
	bool is_intact; /* no finding of severity INK_EVIDENCE */
	bool is_closed; /* the log ends in order */
	bool is_live;   /* a process held the store's lock: a consistent prefix was checked */
	enum ink_trust trust;
	char vkey[INK_VKEY_SIZE]; /* as GENESIS says; empty if there is no good GENESIS */
	uint64_t record_count;    /* good ones, from the start */
	uint64_t payload_bytes;
	uint64_t file_count;     /* inodes, the root included */
	uint64_t seal_count;     /* SEAL, EPOCH, REKEY with a good signature */
	uint64_t unsealed_count; /* records at the end that no signature covers */
	uint64_t session_count;
	uint64_t
		unclean_count; /* sessions without UNMOUNT, the running one of a live store not counted */
	uint64_t refusal_count; /* refused operations, folded ones included */
	uint64_t index_count;   /* records that the index covers; 0 without index */
	uint64_t evidence_count;
	uint64_t observation_count;
	uint64_t
		checkpoint_count; /* given ones that fit, signed by the seal key of their time too */
	uint64_t checkpoint_size; /* records of the largest of them */
	uint64_t
		weak_checkpoint_count; /* that fit, but are signed by the log key only: nothing is trusted for them */
	uint64_t
		erased_count; /* bodies erased on a signed word: what stood there is not checked any more */
	uint64_t since_size; /* records whose written bytes and seals were not checked again */
	uint8_t root[INK_HASH_SIZE]; /* over record_count records */
	int64_t first_wall_ns, last_wall_ns;
};

/*
 * Verify the store in the folder @path.  Findings come one by one; checking goes on after the first as far as that makes sense.
 *
 * INK_OK: checked, @ret_result says with what result.  Everything else: could not check (no such folder, not
 * readable, not a store, a version from the future, no memory); @ret_error says what.
 */
INK_API INK_MUST_CHECK enum ink_err ink_verify(const char *path,
					       const struct ink_verify_options *options,
					       struct ink_verify_result *ret_result,
					       struct ink_error *ret_error);

/* true if this is one line of a verification key, as ink_store_init() gives it. */
INK_API bool ink_vkey_is_valid(const char *vkey);

/* "digest", "unclean-end", …: stable, for programs. */
INK_API const char *ink_finding_name(enum ink_finding_code code);

#endif
