/* SPDX-License-Identifier: MIT */
/*
 * Records as readers see them: kinds, names of kinds, decoded bodies.
 *
 * Owns: nothing; decoded views point into the caller's bytes.  Knows nothing of: disks, LMDB, FUSE.
 * Threads: any.  The bytes are specified in fs/store/FORMAT.md.
 */
#ifndef INKFS_RECORD_H
#define INKFS_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inkfs/err.h"

enum {
	INK_HASH_SIZE = 32,
	INK_KEY_SIZE = 32,
	INK_SIGNATURE_SIZE = 64,
	INK_NONCE_SIZE = 16,
	INK_STORE_ID_SIZE = 16,
	INK_NAME_SIZE_MAX = 255,
	INK_TARGET_SIZE_MAX = 4095,
	INK_CI_COUNT_MAX = 64,
	INK_LOST_COUNT_MAX = 64,
	INK_LOST_NAME_SIZE = 32, /* with NUL */
	INK_APPEND_SIZE_MAX = 1 << 20,
	INK_BODY_SIZE_MAX = 65535, /* of every kind but APPEND */
};

enum ink_kind {
	INK_GENESIS = 1,
	INK_MOUNT,
	INK_UNMOUNT,
	INK_RECOVERY,
	INK_ACTOR,
	INK_CREATE,
	INK_MKDIR,
	INK_SYMLINK,
	INK_ATTR,
	INK_RENAME,
	INK_LINK,
	INK_UNLINK,
	INK_OPEN,
	INK_CLOSE,
	INK_APPEND,
	INK_DENIED,
	INK_SEAL,
	INK_EPOCH,
	INK_REKEY,
	INK_ERASE,
	INK_ANCHOR,
};

#define INK_KIND_LAST INK_ANCHOR

enum ink_op {
	INK_OP_OPEN = 1,
	INK_OP_WRITE,
	INK_OP_TRUNCATE,
	INK_OP_FALLOCATE,
	INK_OP_MKNOD,
	INK_OP_UNLINK,
	INK_OP_RMDIR,
	INK_OP_RENAME,
	INK_OP_LINK,
	INK_OP_SETXATTR,
	INK_OP_REMOVEXATTR,
	INK_OP_IOCTL,
	INK_OP_SETATTR,
};

#define INK_OP_LAST INK_OP_SETATTR

enum ink_attr_mask {
	INK_ATTR_MODE = 1,
	INK_ATTR_UID = 2,
	INK_ATTR_GID = 4,
	INK_ATTR_ATIME = 8,
	INK_ATTR_MTIME = 16,
};

enum ink_known {
	INK_KNOWN_PROCESS = 1, /* parent and start time */
	INK_KNOWN_LOGIN = 2,
	INK_KNOWN_SESSION = 4,
	INK_KNOWN_COMM = 8,
	INK_KNOWN_EXE = 16,
	INK_KNOWN_CGROUP = 32,
	INK_KNOWN_ENVIRON = 64,
};

enum ink_seal_reason {
	INK_SEAL_CLOSE = 1,
	INK_SEAL_SYNC,
	INK_SEAL_INTERVAL,
	INK_SEAL_HEARTBEAT,
	INK_SEAL_WRITE,
	INK_SEAL_MOUNT,
	INK_SEAL_EPOCH,
	INK_SEAL_UNMOUNT,
	INK_SEAL_REKEY,
};

enum ink_unmount_reason {
	INK_UNMOUNT_ASKED = 1,
	INK_UNMOUNT_SIGNAL,
	INK_UNMOUNT_CLOSE,
};

/* Bytes that need not end in NUL and may hold any byte. */
struct ink_str {
	const char *data;
	uint32_t size; /* bytes */
};

struct ink_header {
	uint8_t kind; /* enum ink_kind */
	uint32_t body_size;
	uint64_t seq;
	int64_t wall_ns;  /* since 1970 UTC */
	uint64_t boot_ns; /* since boot, suspend included */
	uint64_t inode;
	uint64_t offset;
	uint32_t uid;
	uint32_t gid;
	uint64_t actor; /* seq of an ACTOR record, or 0 */
	uint8_t prev[INK_HASH_SIZE];
	uint8_t digest[INK_HASH_SIZE];
};

struct ink_ci_value {
	struct ink_str name;
	struct ink_str value;
};

/* Bodies by kind.  FORMAT.md section 5 has the meaning of each field. */
struct ink_body_genesis {
	uint32_t root_mode;
	const uint8_t *store_id; /* INK_STORE_ID_SIZE */
	const uint8_t *log_key;  /* INK_KEY_SIZE */
	const uint8_t *seal_key; /* INK_KEY_SIZE */
	uint64_t segment_size;
	struct ink_str origin;
	struct ink_str software;
	const uint8_t *log_signature;
	const uint8_t *seal_signature;
};

struct ink_body_mount {
	struct ink_str version;
	struct ink_str host;
	struct ink_str boot_id;
	struct ink_str kernel;
	struct ink_str mount_point;
	struct ink_str options;
	uint64_t monotonic_ns;
	uint32_t pid;
	/* In force in this session, none of them 0. */
	uint32_t seal_interval_ms;
	uint32_t sync_interval_ms;
	uint32_t epoch_s;
	uint32_t heartbeat_s;
};

struct ink_body_unmount {
	uint8_t reason; /* enum ink_unmount_reason */
	uint64_t record_count;
	uint64_t payload_bytes;
};

/* A tail that recovery set aside: all of one file in lost/. */
struct ink_lost {
	uint64_t size;         /* bytes, above 0 */
	const uint8_t *digest; /* INK_HASH_SIZE bytes: H of the file */
};

/* Number i of @lost is the file that ink_lost_name(seq of the record, i) names. */
struct ink_body_recovery {
	uint8_t lost_count; /* 0: nothing was cut */
	uint64_t durable_size;
	uint64_t unsealed_count;
	uint64_t lost_place; /* of the first lost byte; 0 if nothing was cut */
	struct ink_lost lost[INK_LOST_COUNT_MAX];
};

struct ink_body_actor {
	uint32_t pid;
	uint32_t ppid;
	uint64_t start_time; /* clock ticks since boot */
	uint32_t login_uid;
	uint32_t session_id;
	uint32_t known; /* enum ink_known */
	struct ink_str comm;
	struct ink_str exe;
	struct ink_str cgroup;
	struct ink_str ci_system;
	uint16_t ci_count;
	struct ink_ci_value ci[INK_CI_COUNT_MAX];
};

struct ink_body_node { /* CREATE, MKDIR, SYMLINK */
	uint64_t parent;
	uint32_t mode;
	uint32_t uid;
	uint32_t gid;
	struct ink_str name;
	struct ink_str target;
};

struct ink_body_attr {
	uint32_t mask; /* enum ink_attr_mask */
	uint32_t mode;
	uint32_t uid;
	uint32_t gid;
	int64_t atime_ns;
	int64_t mtime_ns;
};

struct ink_body_rename {
	uint64_t old_parent;
	uint64_t new_parent;
	struct ink_str old_name;
	struct ink_str new_name;
};

struct ink_body_name { /* LINK, UNLINK */
	uint64_t parent;
	struct ink_str name;
};

struct ink_body_open { /* OPEN, CLOSE */
	uint32_t flags;
};

struct ink_body_denied {
	uint16_t op; /* enum ink_op */
	uint32_t errno_code;
	uint32_t count;
	uint32_t flags;
	uint64_t a;
	uint64_t b;
	uint64_t second_inode;
	struct ink_str name;
	struct ink_str second_name;
};

struct ink_body_seal { /* SEAL, EPOCH, REKEY */
	uint32_t epoch;
	uint8_t reason; /* enum ink_seal_reason */
	uint64_t tree_size;
	const uint8_t *root; /* INK_HASH_SIZE */
	uint64_t durable_size;
	const uint8_t *next_key;       /* NULL in a SEAL */
	const uint8_t *signature;      /* by the current seal key; REKEY: by the log key */
	const uint8_t *next_signature; /* NULL in a SEAL */
};

struct ink_body_erase {
	uint64_t target_seq;
	struct ink_str authority;
	struct ink_str why;
};

struct ink_body_anchor {
	uint8_t type;
	uint64_t tree_size;
	struct ink_str from;
	struct ink_str bytes;
};

/* A decoded body; strings and pointers borrow from the bytes it was decoded from. */
union ink_body {
	struct ink_body_genesis genesis;
	struct ink_body_mount mount;
	struct ink_body_unmount unmount;
	struct ink_body_recovery recovery;
	struct ink_body_actor actor;
	struct ink_body_node node;
	struct ink_body_attr attr;
	struct ink_body_rename rename;
	struct ink_body_name name;
	struct ink_body_open open;
	struct ink_str append;
	struct ink_body_denied denied;
	struct ink_body_seal seal;
	struct ink_body_erase erase;
	struct ink_body_anchor anchor;
};

/* "APPEND", "DENIED", …; NULL for a number that is no kind. */
INK_API const char *ink_kind_name(uint8_t kind);
/* "write", "rename", …; NULL for a number that is no operation. */
INK_API const char *ink_op_name(uint16_t op);
/* "close", "sync", …; NULL for a number that is no reason. */
INK_API const char *ink_seal_reason_name(uint8_t reason);
/* The name in lost/ of the @number-th file (from 0) that RECOVERY record @seq tells of. */
INK_API void ink_lost_name(uint64_t seq, unsigned number, char ret_name[static INK_LOST_NAME_SIZE]);

/*
 * Decode the @size bytes of a body of @kind.  @ret_body borrows from @bytes.
 *
 * INK_ERR_DAMAGED: these bytes are not a body of that kind; @ret_body is undefined.
 */
INK_API INK_MUST_CHECK enum ink_err ink_body_decode(uint8_t kind, const uint8_t *bytes, size_t size,
						    union ink_body *ret_body);

#endif
