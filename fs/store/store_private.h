/* SPDX-License-Identifier: MIT */
/*
 * The open store, shared by the store_*.c files.
 *
 * Invariants
 * 1. The log is the truth: a record is first in the log, then in the catalog; if the second step fails, the
 *    store takes nothing more (has_failed) and the next opening replays the log.
 * 2. Everything that decides on a record (its offset, whether a name is free) is decided under `lock` and not
 *    given up before the record is written.  Only the digest of a body is computed outside: it depends on
 *    nothing but the bytes.
 * 3. The index is committed only for records that a sync has covered.
 * 4. A failed sync is for ever: has_failed, the log refuses, only reopening helps.
 * 5. The secret of an epoch leaves the disk only after the EPOCH that ends it is synced, and the next one's is on
 *    the disk, synced, before its EPOCH is written.
 * 6. Order of locks: epoch_lock, sync_lock (never held while taking another), lock, nonce_lock, pool_lock.
 */
#ifndef INK_STORE_PRIVATE_H
#define INK_STORE_PRIVATE_H

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>

#include "catalog.h"
#include "error.h"
#include "inkfs/reader.h"
#include "inkfs/store.h"
#include "key.h"
#include "log.h"
#include "seal.h"
#include "segment.h"

enum {
	NONCE_POOL_SIZE = 4096,
	BUFFER_SIZE = 512 << 10,
	BUFFER_COUNT_MAX = 8,
	REFUSAL_SLOT_COUNT = 256,
	REFUSAL_RATE_COUNT = 64,
	REFUSAL_RATE_MAX = 100,        /* records a second of one actor that say all */
	PENDING_KICK_BYTES = 8 << 20,  /* commit now */
	PENDING_PACE_BYTES = 16 << 20, /* writers are slowed down, the more the more waits */
	PENDING_WAIT_BYTES = 24 << 20, /* writers wait for the commit */
	PACE_MAX_NS = 10000000,        /* by so much at most */
	LARGE_SIZE = 128 << 10,        /* from here on hashing and writing overlap */
	TOLD_COUNT = 64,
	SYNC_HABIT_COUNT = 32, /* so many syncs that somebody asked for: write space ahead */
	CLOSING_KICK_COUNT = 4,
	CLOSING_WAIT_COUNT = 8, /* each is a descriptor */
	STORE_THREAD_COUNT = 3, /* sealing, committing, syncing */
};

/* A refusal that was recorded lately, and how often it came again since. */
struct refusal {
	bool is_used;
	uint32_t uid, gid;
	uint64_t actor, inode;
	uint64_t recorded_ns; /* CLOCK_MONOTONIC */
	uint32_t count;       /* since then, not recorded */
	struct ink_body_denied what;
	char name[INK_NAME_SIZE_MAX + 1];
	char second_name[INK_NAME_SIZE_MAX + 1];
};

/* How many refusals each actor had recorded in the running second; see store_denied.c. */
struct refusal_rate {
	uint64_t actor;
	uint32_t uid;
	uint32_t count; /* 0: free */
};

struct refusal_rates {
	uint64_t begun_ns; /* CLOCK_MONOTONIC */
	struct refusal_rate of[REFUSAL_RATE_COUNT];
};

/* The newest seal, to be checked by the sealing thread. */
struct seal_check {
	bool is_set;
	struct ink_header header;
	uint8_t nonce[INK_NONCE_SIZE];
	uint8_t body[SEAL_BODY_SIZE];
	uint8_t public_key[INK_KEY_SIZE];
};

/* What goes on failing beside the writers, each told once when it begins and once when it is over. */
enum trouble_kind { TROUBLE_EPOCH, TROUBLE_INDEX, TROUBLE_FAILED, TROUBLE_COUNT };

struct trouble {
	int error;         /* errno; 0: none */
	uint64_t since_ns; /* CLOCK_MONOTONIC */
};

struct sync_waiter;

struct folder_id {
	dev_t device;
	ino_t inode;
};

struct buffer {
	struct buffer *next;
	uint8_t data[BUFFER_SIZE];
};

struct ink_store {
	const struct io *io;
	char path[PATH_MAX];
	char log_dir[PATH_MAX];
	char index_dir[PATH_MAX];
	char keys_dir[PATH_MAX];
	struct ink_options options; /* defaults filled in */
	int lock_fd;
	/* From GENESIS, constant. */
	uint8_t store_id[INK_STORE_ID_SIZE];
	uint64_t segment_size;
	char origin[ORIGIN_SIZE_MAX + 1];
	char vkey[INK_VKEY_SIZE];
	struct folder_id keys_folder; /* as it was when its key was read */
	struct segments *segments;    /* for reading; has its own lock */

	pthread_mutex_t lock; /* all down to the next lock */
	struct log *log;
	struct index *index;
	struct catalog *catalog;
	bool has_failed;
	uint64_t durable_count; /* records synced */
	uint64_t index_count;   /* records in the committed index */
	uint64_t frozen_count;  /* records in the frozen overlay */
	struct key_pair *seal_key;
	int64_t seal_wall_ns;
	uint64_t seal_time_ns;   /* CLOCK_MONOTONIC */
	uint64_t epoch_time_ns;  /* boot_ns() of the first activity of the epoch; 0: none yet */
	uint64_t epoch_retry_ns; /* CLOCK_MONOTONIC; while TROUBLE_EPOCH lasts */
	unsigned epoch_tries;    /* that failed */
	struct trouble troubles[TROUBLE_COUNT];
	struct seal_check check;
	struct refusal refusals[REFUSAL_SLOT_COUNT];
	uint64_t refusals_due_ns; /* CLOCK_MONOTONIC: a count is to be recorded then; 0: none */
	struct refusal_rates refusal_rates;
	uint64_t refusals_by_op[INK_OP_LAST + 1]; /* these two since opening, for ink_status() */
	uint64_t seal_count;
	uint64_t told_places[TOLD_COUNT]; /* damage that on_damage was told of lately; 0: none */
	unsigned told_count;
	uint8_t scratch[INK_BODY_SIZE_MAX];
	bool is_stopping;
	bool is_sealer_idle;
	bool is_commit_asked;
	int commit_error; /* errno of the last commit, 0 if it went well */
	pthread_cond_t sealer_cond;
	pthread_cond_t committer_cond;
	pthread_cond_t syncer_cond;
	uint64_t
		index_since_ns; /* CLOCK_MONOTONIC: the last sync's records, while the index is committed; 0: it is not */
	pthread_cond_t room_cond; /* a commit or a sync made room */

	pthread_mutex_t sync_lock;
	bool is_syncing;
	struct sync_waiter *sync_waiters; /* for the flush after the one under way; these, too: */
	struct ink_sync *sync_requests;
	struct sync_waiter *sync_teller; /* only while is_syncing */
	uint64_t synced_count;           /* as durable_count */

	_Atomic unsigned
		asked_sync_count; /* that somebody waited for; counted up to SYNC_HABIT_COUNT */

	pthread_mutex_t epoch_lock; /* one change of epoch at a time */
	uint64_t handover_count; /* under epoch_lock: records up to the EPOCH of this session that
				     * began the present epoch, that one included; 0: none yet */

	pthread_mutex_t nonce_lock;
	uint8_t nonces[NONCE_POOL_SIZE];
	unsigned nonce_used;

	pthread_mutex_t pool_lock;
	struct buffer *buffers;
	unsigned buffer_count;

	struct writer *writer;        /* writes large bodies; NULL without threads */
	_Atomic unsigned large_count; /* large appends under way */

	unsigned thread_count; /* running; changes only while nobody else has the store */
	pthread_t threads[STORE_THREAD_COUNT];
};

struct recover_result;

static inline uint64_t sealed_count(const struct ink_store *store)
{
	return catalog_head(store->catalog)->last_seal_seq + 1;
}

static inline bool has_unsealed(const struct ink_store *store)
{
	return sealed_count(store) < catalog_head(store->catalog)->record_count;
}

/* --- store_record.c: the one way into the log; under `lock` unless said otherwise --- */

/* Any lock or none. */
void store_nonce(struct ink_store *store, uint8_t ret_nonce[static INK_NONCE_SIZE]);
uint64_t monotonic_ns(void); /* waits are by this one */
uint64_t boot_ns(void);      /* goes on while the machine sleeps */
/* A record whose body is encoded here.  @caller may be NULL: the file system itself. */
INK_MUST_CHECK enum ink_err store_record(struct ink_store *store, uint8_t kind,
					 const struct ink_caller *caller, uint64_t inode,
					 const union ink_body *body);
/* An APPEND.  @digest: of nonce and data; NULL: computed here, while the body is being written. */
INK_MUST_CHECK enum ink_err store_append(struct ink_store *store, const struct ink_caller *caller,
					 const struct inode *inode, const void *data, size_t size,
					 const uint8_t *nonce, const uint8_t *digest);
INK_MUST_CHECK enum ink_err store_seal(struct ink_store *store, enum ink_seal_reason reason);
/* REKEY signed by @log_key and @next, likewise. */
INK_MUST_CHECK enum ink_err store_rekey(struct ink_store *store, const struct key_pair *log_key,
					const struct key_pair *next);
/* EPOCH signed by the present key and @next; the caller keeps the key files in step. */
INK_MUST_CHECK enum ink_err store_epoch(struct ink_store *store, enum ink_seal_reason reason,
					const struct key_pair *next);
/*
 * Wait while too much waits for a commit or a sync; gives up `lock` meanwhile.  Much that waits for a commit, but not
 * too much, holds a writer up for a moment: so that a slow disk makes all appends slower, and not one of them long.
 * INK_ERR_IO (errno): it cannot be committed, so nothing more may come.
 */
INK_MUST_CHECK enum ink_err store_wait_for_room(struct ink_store *store);

/* --- store_group.c: without `lock` --- */

/* Wait until the first @record_count records, signed, are on the disk. */
INK_MUST_CHECK enum ink_err store_sync_to(struct ink_store *store, uint64_t record_count);
/* The same, because somebody asked for it and waits. */
INK_MUST_CHECK enum ink_err store_sync_asked(struct ink_store *store, uint64_t record_count);
/* How many wait for the flush after the one under way; for tests. */
unsigned store_sync_waiter_count(struct ink_store *store);

/* --- store_sync.c: without `lock` --- */
/* One at a time: the committing thread, or whoever knows that it does not. */
INK_MUST_CHECK enum ink_err store_commit_index(struct ink_store *store);
INK_MUST_CHECK enum ink_err store_start_threads(struct ink_store *store);
void store_stop_threads(struct ink_store *store);

/* --- store_epoch.c: without `lock`, but for the last two --- */
/* INK_ERR_IO (errno): the old key is in force, or the new one and the old one's secret is still on the disk. */
INK_MUST_CHECK enum ink_err store_change_epoch(struct ink_store *store,
					       enum ink_seal_reason reason);
/* End the epoch if its time has come, or its end failed and it is time to try again. */
void store_end_epoch(struct ink_store *store);
/* @error: an errno, or 0: it goes well.  Tells the user (ink_options.on_notice) when that changes. */
void store_tell(struct ink_store *store, enum trouble_kind kind, int error);
INK_MUST_CHECK enum ink_err store_keys_folder(const struct ink_store *store,
					      struct folder_id *ret_id);
/*
 * Under `lock`.  How long epochs of the open session are to take (0: not known, or no session), and how long ago the
 * first activity of the present one was; where the store is only read, how long before the last record, which takes the
 * longer the more seals came after it.
 */
void store_epoch_age(struct ink_store *store, uint32_t *ret_length_s, uint64_t *ret_age_s);
bool store_epoch_is_overdue(uint32_t length_s, uint64_t age_s);

/* --- store_large.c --- */
/* A thread for the bodies of large appends; NULL if there is no memory for one. */
struct writer *store_writer_open(void);
/* Takes NULL. */
void store_writer_close(struct writer *writer);
/*
 * Write a body to where the next record's belongs, and hash it meanwhile.  Under `lock`, after log_prepare().
 * On failure nothing of it stays behind the end.
 */
INK_MUST_CHECK enum ink_err store_write_and_hash(struct ink_store *store, const void *data,
						 uint32_t size, const uint8_t *nonce,
						 uint8_t ret_digest[static INK_HASH_SIZE]);

/* --- store_denied.c: under `lock` --- */

/* Record or fold; answers INK_ERR_DENIED, or why it could not be recorded. */
INK_MUST_CHECK enum ink_err store_deny(struct ink_store *store, const struct ink_caller *caller,
				       uint64_t inode, const struct ink_body_denied *what);
/* Record the counts whose time has come; all of them if @is_all. */
INK_MUST_CHECK enum ink_err store_flush_refusals(struct ink_store *store, bool is_all);

/* --- store_file.c: under `lock` --- */
/* INK_ERR_IS_DIR, INK_ERR_INVALID: no regular file. */
INK_MUST_CHECK enum ink_err store_get_file(struct ink_store *store, uint64_t number,
					   struct inode **ret_inode);
/* --- store_file.c: without `lock` --- */
struct buffer *store_buffer_take(struct ink_store *store);
void store_buffer_return(struct ink_store *store, struct buffer *buffer);

/* --- store_prepare.c --- */

/* A struct with paths, GENESIS read and the lock taken (unless read-only); nothing else opened. */
INK_MUST_CHECK enum ink_err store_prepare(const struct io *io, const char *path,
					  const struct ink_options *options,
					  struct ink_store **ret_store, struct ink_error *error);
/* ink_store_rekey() likewise. */
INK_MUST_CHECK enum ink_err store_rekey_on(const struct io *io, const char *path,
					   const char *keys_dir, uint32_t *ret_epoch,
					   struct ink_error *ret_error);
/* Where there is no index, one of no record; a loss of power leaves none or all of it. */
INK_MUST_CHECK enum ink_err store_begin_index(struct ink_store *store, struct ink_error *error);
/* Catalog and log, brought to the end of the log; @epoch_min as in struct recover_options. */
INK_MUST_CHECK enum ink_err store_go_to_end(struct ink_store *store, uint32_t epoch_min,
					    struct recover_result *ret_result,
					    struct ink_error *error);
INK_MUST_CHECK enum ink_err store_open_log(struct ink_store *store, struct ink_error *error);
/* store_session.c: RECOVERY, if what was found at the end asks for one. */
INK_MUST_CHECK enum ink_err store_record_recovery(struct ink_store *store,
						  const struct recover_result *result);
/* Frees everything, writes nothing.  Takes half-open stores. */
void store_free(struct ink_store *store);

/* --- store_session.c --- */

/*
 * RECOVERY if the last end was none, the new epoch, MOUNT; all of it on the disk.  Then the threads.
 * On failure the store is to be freed.
 */
INK_MUST_CHECK enum ink_err store_begin_session(struct ink_store *store,
						const struct recover_result *result,
						struct ink_error *error);

/* --- store_open.c, store_init.c --- */

/* ink_store_open() and ink_store_init() on another disk than the system's; for tests. @io outlives the store. */
INK_MUST_CHECK enum ink_err store_open_on(const struct io *io, const char *path,
					  const struct ink_options *options,
					  struct ink_store **ret_store,
					  struct ink_error *ret_error);
INK_MUST_CHECK enum ink_err store_init_on(const struct io *io, const char *path,
					  const struct ink_init_options *options,
					  char ret_vkey[static INK_VKEY_SIZE],
					  struct ink_error *ret_error);

#endif
