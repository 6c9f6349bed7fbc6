/* SPDX-License-Identifier: MIT */
/*
 * Errors of the inkfs library.
 *
 * Owns: nothing.  Knows nothing of: where an error is shown.  Threads: any.
 *
 * Functions that a person waits for (make, open, verify) fill a struct ink_error with one sentence
 * that says what is wrong and what to do; the others answer with the bare code.
 */
#ifndef INKFS_ERR_H
#define INKFS_ERR_H

#define INK_MUST_CHECK __attribute__((warn_unused_result))
#define INK_API __attribute__((visibility("default")))
#define INK_PRINTF(format_at, args_at) __attribute__((format(printf, format_at, args_at)))

enum ink_err {
	INK_OK = 0,
	INK_ERR_IO,     /* the system refused; errno says why (ENOSPC, EIO, ENOMEM, EROFS, …) */
	INK_ERR_DENIED, /* would change what was recorded; the attempt is in the chain: EPERM */
	INK_ERR_UNSUPPORTED, /* not an operation of this file system: EOPNOTSUPP */
	INK_ERR_NOT_FOUND,   /* ENOENT */
	INK_ERR_EXISTS,      /* EEXIST */
	INK_ERR_NOT_DIR,     /* ENOTDIR */
	INK_ERR_IS_DIR,      /* EISDIR */
	INK_ERR_LIMIT,       /* longer or larger than the format allows: ENAMETOOLONG, EFBIG */
	INK_ERR_INVALID,     /* an argument that makes no sense: EINVAL */
	INK_ERR_LOCKED,      /* another process writes this store */
	INK_ERR_FOREIGN,     /* not a store, or of a version that this program does not know */
	INK_ERR_DAMAGED,     /* what is on disk is not what was recorded */
	INK_ERR_KEY,         /* a key file is missing, unsafe, or not the key of this store */
	INK_ERR_FAILED, /* a sync failed before; the store takes nothing until it is opened anew: EIO */
};

#define INK_ERROR_TEXT_SIZE 640

struct ink_error {
	enum ink_err code;
	int sys_errno;                  /* 0 unless @code is INK_ERR_IO */
	char text[INK_ERROR_TEXT_SIZE]; /* one sentence, no line feed */
};

/* A sentence for a bare code; static storage. */
INK_API const char *ink_err_text(enum ink_err err);

#endif
