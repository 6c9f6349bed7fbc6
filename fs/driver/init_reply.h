/* SPDX-License-Identifier: MIT */
/*
 * How a session talks to /dev/fuse: as libfuse does, but for one number in the answer to INIT and one error.
 *
 * One write(2) shall be one request, so one record.  The system cuts a request at 256 pages of memory, and 1 MiB that
 * does not begin at a page lies on 257; a writev(2) of 1,024 pieces on up to 2,305.  Since 6.13 it lets a file
 * system have more, if fs.fuse.max_pages_limit allows, but libfuse 3.14 cannot ask for it.
 *
 * Owns: nothing.  Knows nothing of: the store.  Threads: as the session.
 */
#ifndef DRIVER_INIT_REPLY_H
#define DRIVER_INIT_REPLY_H

#include <stdbool.h>

struct fuse_session;

enum { REQUEST_PAGES_MAX = 2305 };

/*
 * To be called between mounting and the loop.
 *
 * The session's user data is a struct driver, whose handler of INIT says that its answer comes next.
 * false: the session goes on as libfuse left it.
 */
bool init_reply_watch(struct fuse_session *session);

/* As root: raise the system's limit, if it is lower.  It bounds only what file systems ask for. */
void init_reply_raise_limit(void);

#endif
