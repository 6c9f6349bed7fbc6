/* SPDX-License-Identifier: MIT */
/*
 * A store, opened for writing or reading: the file system without FUSE.
 *
 * Owns: the store's lock, files, keys in memory, and threads (sealing, committing, syncing, writing).
 * Knows nothing of: FUSE, /proc, terminals.  Threads: every function on an open store may be
 * called from any thread at any time, except ink_store_close().
 *
 * Every refusal that semantics demand (INK_ERR_DENIED) is decided and recorded here.  Permissions
 * (EACCES) are not: the kernel checks them before (default_permissions).
 */
#ifndef INKFS_STORE_H
#define INKFS_STORE_H

#include <sys/types.h>

#include "inkfs/record.h"

struct ink_store;

enum { INK_ROOT_INODE = 1 };

#define INK_VERSION "0.1.0"
/* Offset for ink_append(): the true end, whatever it is then. */
#define INK_AT_END UINT64_MAX

enum ink_seal_mode { INK_SEAL_MODE_BATCH, INK_SEAL_MODE_WRITE };
enum ink_profile { INK_PROFILE_STRICT, INK_PROFILE_ROTATE };
enum ink_audit { INK_AUDIT_NONE, INK_AUDIT_OPENS, INK_AUDIT_READS };

/* One sentence without line feed, borrowed for the call; any thread, no lock held. */
typedef void (*ink_damage_fn)(void *ctx, const char *text);

/*
 * Something beside the writers has begun to fail (@is_over false) or goes well again; one sentence, valid during the
 * call.  Called from a thread of the store, which must not be closed from there.
 */
typedef void (*ink_notice_fn)(void *ctx, bool is_over, const char *text);

/* Zero means the default everywhere. */
struct ink_options {
	const char *keys_dir;      /* where the key files are; default STORE/keys */
	uint32_t seal_interval_ms; /* longest time a record stays unsigned; default 100 */
	uint32_t sync_interval_ms; /* longest time a record stays off the disk; default 1,000 */
	uint32_t epoch_s;          /* seconds of activity a seal key lives; default 10 */
	uint32_t heartbeat_s;      /* an idle store is sealed that often; default 600 */
	enum ink_seal_mode seal_mode;
	enum ink_profile profile;
	enum ink_audit audit;
	bool is_immutable; /* finished segments get FS_IMMUTABLE_FL where the system lets us */
	bool is_read_only; /* no lock, no threads, no new record; the present state of any store */
	bool verifies_reads; /* ink_read() rehashes each record against the chain before it gives its bytes */
	/*
	 * Damage that does not end the call is told here.  With it and is_read_only, a damaged store opens as far as
	 * it holds: behind a break of the chain, or with the index made anew in memory; see verifies_reads.
	 */
	ink_damage_fn on_damage;
	void *damage_ctx;
	ink_notice_fn on_notice; /* NULL: nobody is told */
	void *notice_ctx;
	const char *mount_point; /* these two go into the MOUNT record; may be NULL */
	const char *mount_options;
};

struct ink_init_options {
	const char *origin;    /* name the user chose, 1 to 200 bytes, no space, no '+' */
	const char *keys_dir;  /* default STORE/keys */
	uint64_t segment_size; /* bytes, 2 MiB to 1 GiB; default 64 MiB */
	uint32_t root_mode;    /* permissions of the root folder; default 0755 */
};

#define INK_VKEY_SIZE 512

/*
 * Make a store in the folder @path, which must not exist or be empty.  On failure nothing stays behind.
 *
 * @ret_vkey: the verification key, one line without line feed (FORMAT.md section 7).
 */
INK_API INK_MUST_CHECK enum ink_err ink_store_init(const char *path,
						   const struct ink_init_options *options,
						   char ret_vkey[static INK_VKEY_SIZE],
						   struct ink_error *ret_error);

/*
 * Open a store: recovers by itself from any crash, rebuilds an index that is behind or missing,
 * changes the seal key, writes MOUNT and makes all that durable.  With is_read_only nothing is written.
 *
 * @ret_error: filled on failure.  INK_ERR_LOCKED, _FOREIGN, _DAMAGED, _KEY, _IO, _INVALID.
 */
INK_API INK_MUST_CHECK enum ink_err ink_store_open(const char *path,
						   const struct ink_options *options,
						   struct ink_store **ret_store,
						   struct ink_error *ret_error);

/* Writes UNMOUNT, ends the epoch, syncs, commits the index.  Takes NULL.  The store is gone afterwards also on failure. */
INK_API enum ink_err ink_store_close(struct ink_store *store, enum ink_unmount_reason reason);

/*
 * Make the index anew from the log alone, in place of the old one.  The store must not be open.
 * INK_ERR_DAMAGED: the log itself is damaged, and the old index stays; or, as the sentence says then, the new one is in
 * place and goes as far as the log is whole: behind that lies what a crash may have torn.
 */
INK_API INK_MUST_CHECK enum ink_err ink_store_reindex(const char *path,
						      struct ink_error *ret_error);

/*
 * Go on with a fresh seal key that the log key vouches for (REKEY): the seal key was lost, or is thought stolen.  Sets
 * aside what a crash left, as opening does.  The store must not be open; its log ends with REKEY, and verification
 * reports it for ever.  A call that fails or is cut off is made again.
 *
 * @keys_dir: NULL for STORE/keys; log.key must lie there, seal.key is replaced.
 * @ret_epoch: the number of the new key.
 */
INK_API INK_MUST_CHECK enum ink_err ink_store_rekey(const char *path, const char *keys_dir,
						    uint32_t *ret_epoch,
						    struct ink_error *ret_error);

/* Who calls: from the FUSE request; @actor from ink_actor(), 0 if not known. */
struct ink_caller {
	uint32_t uid;
	uint32_t gid;
	uint64_t actor;
};

struct ink_attr {
	uint64_t inode;
	uint32_t mode; /* as st_mode */
	uint32_t uid;
	uint32_t gid;
	uint32_t nlink;
	uint64_t size; /* bytes; of a symbolic link: of its target */
	int64_t atime_ns, mtime_ns, ctime_ns, btime_ns;
};

/* Records an ACTOR and gives its number for struct ink_caller.  @body as decoded from INK_ACTOR; strings are cut to the limits. */
INK_API INK_MUST_CHECK enum ink_err ink_actor(struct ink_store *store, uint32_t uid, uint32_t gid,
					      const struct ink_body_actor *body,
					      uint64_t *ret_actor);

INK_API INK_MUST_CHECK enum ink_err ink_lookup(struct ink_store *store, uint64_t parent,
					       const char *name, struct ink_attr *ret_attr);
INK_API INK_MUST_CHECK enum ink_err ink_getattr(struct ink_store *store, uint64_t inode,
						struct ink_attr *ret_attr);

/* Make a regular file, folder (S_IFDIR in @mode) or, with @target, a symbolic link.  FIFO, socket and device: INK_ERR_DENIED. */
INK_API INK_MUST_CHECK enum ink_err ink_make(struct ink_store *store,
					     const struct ink_caller *caller, uint64_t parent,
					     const char *name, uint32_t mode, const char *target,
					     struct ink_attr *ret_attr);
/* @ret_target: INK_TARGET_SIZE_MAX + 1 bytes, ends in NUL. */
INK_API INK_MUST_CHECK enum ink_err ink_readlink(struct ink_store *store, uint64_t inode,
						 char *ret_target);

/* Opening for writing or reading: refuses O_TRUNC on content (DENIED), records OPEN if the audit option asks. @flags as open(2). */
INK_API INK_MUST_CHECK enum ink_err ink_open(struct ink_store *store,
					     const struct ink_caller *caller, uint64_t inode,
					     uint32_t flags);
/* The last descriptor of a handle is gone: records CLOSE if the audit option asks. */
INK_API INK_MUST_CHECK enum ink_err ink_release(struct ink_store *store,
						const struct ink_caller *caller, uint64_t inode,
						uint32_t flags);

/*
 * Append one record.
 *
 * @offset: INK_AT_END, or the file's present size; anything else is INK_ERR_DENIED.
 * @data: borrowed; @size 0 (no record) to INK_APPEND_SIZE_MAX.
 * @is_sync: durable with its seal before this returns.
 *
 * On any error none of it is in the file or the chain; with one exception: where the sync or the seal that this call
 * had to wait for fails, the record stands, not known to be durable or not signed, and the store has failed.
 */
INK_API INK_MUST_CHECK enum ink_err ink_append(struct ink_store *store,
					       const struct ink_caller *caller, uint64_t inode,
					       uint64_t offset, const void *data, size_t size,
					       bool is_sync);

/* Read up to @size bytes at @offset; @ret_size is less only at the end.  INK_ERR_DAMAGED: the log is not readable there (EIO). */
INK_API INK_MUST_CHECK enum ink_err ink_read(struct ink_store *store, uint64_t inode,
					     uint64_t offset, void *buf, size_t size,
					     size_t *ret_size);

struct ink_setattr {
	uint32_t mask; /* enum ink_attr_mask */
	uint32_t mode; /* 07777 */
	uint32_t uid, gid;
	int64_t atime_ns, mtime_ns; /* already resolved, no "now" */
};

/* chmod, chown, utimensat.  What changes nothing makes no record.  Set-id bits are dropped by a caller that is not root as POSIX says. */
INK_API INK_MUST_CHECK enum ink_err ink_setattr(struct ink_store *store,
						const struct ink_caller *caller, uint64_t inode,
						const struct ink_setattr *change,
						struct ink_attr *ret_attr);
/* Truncation: to the present size it is nothing, else INK_ERR_DENIED. */
INK_API INK_MUST_CHECK enum ink_err ink_truncate(struct ink_store *store,
						 const struct ink_caller *caller, uint64_t inode,
						 uint64_t size);
INK_API INK_MUST_CHECK enum ink_err ink_fallocate(struct ink_store *store,
						  const struct ink_caller *caller, uint64_t inode,
						  int mode, uint64_t offset, uint64_t size);

/* These three follow the profile; @flags as renameat2(2). */
INK_API INK_MUST_CHECK enum ink_err ink_rename(struct ink_store *store,
					       const struct ink_caller *caller, uint64_t parent,
					       const char *name, uint64_t new_parent,
					       const char *new_name, uint32_t flags);
INK_API INK_MUST_CHECK enum ink_err ink_link(struct ink_store *store,
					     const struct ink_caller *caller, uint64_t inode,
					     uint64_t new_parent, const char *new_name,
					     struct ink_attr *ret_attr);
/* @is_dir: rmdir(2), else unlink(2). */
INK_API INK_MUST_CHECK enum ink_err ink_unlink(struct ink_store *store,
					       const struct ink_caller *caller, uint64_t parent,
					       const char *name, bool is_dir);

/*
 * Record a refusal that the driver decided (ioctl, setxattr, mknod…); repeated ones are folded.
 *
 * Answers INK_ERR_DENIED, as the operation itself would; another code says why it could not be recorded.
 */
INK_API INK_MUST_CHECK enum ink_err ink_denied(struct ink_store *store,
					       const struct ink_caller *caller, uint64_t inode,
					       const struct ink_body_denied *what);

struct ink_entry {
	uint64_t cookie; /* pass to ink_readdir() to go on behind this entry */
	uint64_t inode;
	uint32_t type; /* st_mode & S_IFMT */
	const char *name;
	uint32_t name_size;
};

/* false from the callback ends the listing. */
typedef bool (*ink_entry_fn)(void *ctx, const struct ink_entry *entry);

/* List a folder from behind @cookie (0: from the start), "." and ".." not included.  Cookies are above 2 and stable. */
INK_API INK_MUST_CHECK enum ink_err ink_readdir(struct ink_store *store, uint64_t inode,
						uint64_t cookie, ink_entry_fn each, void *ctx);
/* The folder that holds folder @inode; the root's is the root. */
INK_API INK_MUST_CHECK enum ink_err ink_parent(struct ink_store *store, uint64_t inode,
					       uint64_t *ret_parent);

/* close(2): a signature covers everything of @inode when this has returned. */
INK_API INK_MUST_CHECK enum ink_err ink_seal(struct ink_store *store, uint64_t inode);
/* fsync(2), syncfs(2): everything recorded so far is durable with its seal. */
INK_API INK_MUST_CHECK enum ink_err ink_sync(struct ink_store *store);

/* A sync whose end is told instead of waited for. */
struct ink_sync {
	/* Once, by any thread, without a lock; errno as after a call that returned @err.  @sync is the caller's again. */
	void (*done)(struct ink_sync *sync, enum ink_err err);
	/* The store's. */
	struct ink_sync *next;
	uint64_t record_count;
};

/*
 * As ink_sync(), but the thread may be gone before the disk has answered; or it stays, to flush for others and to tell them.
 * For threads that serve requests: however many wait for the disk, two threads are kept by it.
 * @sync: the store's until its `done`, which may come before this returns.  All must be done before the store is closed.
 */
INK_API void ink_sync_begin(struct ink_store *store, struct ink_sync *sync);

struct ink_file_info {
	uint64_t record_count;
	uint64_t last_seq; /* of its last APPEND; meaningless if record_count is 0 */
	uint8_t last_leaf[INK_HASH_SIZE];
	bool is_sealed;
};

INK_API INK_MUST_CHECK enum ink_err ink_file_info(struct ink_store *store, uint64_t inode,
						  struct ink_file_info *ret_info);

struct ink_status {
	char origin[INK_VKEY_SIZE];
	char vkey[INK_VKEY_SIZE];
	uint8_t store_id[INK_STORE_ID_SIZE];
	uint64_t record_count;
	uint64_t payload_bytes;
	uint64_t file_count; /* inodes ever made, the root included */
	uint64_t refusal_count;
	uint64_t log_bytes; /* of frames and segment headers */
	uint64_t segment_count;
	uint64_t segment_size;
	uint64_t sealed_count;  /* records that a seal covers, itself included */
	int64_t seal_wall_ns;   /* of the last seal */
	uint64_t durable_count; /* records known to be synced */
	uint64_t index_count;   /* records in the committed index */
	uint32_t epoch;
	uint32_t epoch_s;      /* that an epoch of the open session is to take; 0: no session */
	uint64_t epoch_age_s;  /* that the present one has taken; read-only: as its records say */
	bool is_epoch_overdue; /* it should have ended long ago, or its end has failed */
	/* These two since the store was opened. */
	uint64_t seal_count;
	uint64_t refusals_by_op[INK_OP_LAST +
				1]; /* by enum ink_op, folded ones counted one by one */
	bool is_closed;             /* ended in order and nothing after it */
	bool has_failed;            /* a sync failed; only reopening helps */
};

INK_API void ink_status(struct ink_store *store, struct ink_status *ret_status);

/* true if a process holds the store's lock (mounted). */
INK_API bool ink_store_is_locked(const char *path);

#endif
