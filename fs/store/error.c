/* SPDX-License-Identifier: MIT */
#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *ink_err_text(enum ink_err err)
{
	switch (err) {
	case INK_OK: return "done";
	case INK_ERR_IO: return "the system refused the operation";
	case INK_ERR_DENIED: return "refused: it would change what was recorded";
	case INK_ERR_UNSUPPORTED: return "this file system does not do that";
	case INK_ERR_NOT_FOUND: return "no such file, folder or record";
	case INK_ERR_EXISTS: return "the name is taken";
	case INK_ERR_NOT_DIR: return "not a folder";
	case INK_ERR_IS_DIR: return "a folder";
	case INK_ERR_LIMIT: return "longer or larger than the format allows";
	case INK_ERR_INVALID: return "an argument makes no sense";
	case INK_ERR_LOCKED: return "another process writes this store";
	case INK_ERR_FOREIGN: return "not an inkfs store of a version that this program knows";
	case INK_ERR_DAMAGED: return "what is on disk is not what was recorded";
	case INK_ERR_KEY: return "a key is missing, unsafe, or not of this store";
	case INK_ERR_FAILED: return "an earlier sync failed; open the store anew";
	}
	return "unknown error";
}

enum ink_err error_set(struct ink_error *error, enum ink_err code, const char *format, ...)
{
	int keep = errno;
	va_list args;

	if (error) {
		error->code = code;
		error->sys_errno = code == INK_ERR_IO ? keep : 0;
		va_start(args, format);
		vsnprintf(error->text, sizeof(error->text), format, args);
		va_end(args);
	}
	errno = keep;
	return code;
}

enum ink_err error_io(struct ink_error *error, const char *path, const char *what)
{
	return error_set(error, INK_ERR_IO, "%s: %s: %s", path, what, strerror(errno));
}

enum ink_err error_newer(struct ink_error *error, const char *path)
{
	return error_set(
		error, INK_ERR_FOREIGN,
		"%s was made by a newer inkfs, in a format version that this one does not know: use the newer one",
		path);
}
