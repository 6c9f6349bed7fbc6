/* SPDX-License-Identifier: MIT */
/*
 * The folder .inkfs in the root: what the store says of itself now.
 *
 * Owns: nothing but a checkpoint made lately.  Knows nothing of: how a store does what it does.  Threads: any.
 *
 * Found by name, not listed.  Its nodes have numbers that no store reaches; each open file is a text made at open,
 * given past the page cache, and of size 0 for stat(2), as in /proc.  Nothing here tells a name or a byte of a
 * recorded file, so everybody who may enter the root may read it.
 */
#ifndef DRIVER_LIVE_H
#define DRIVER_LIVE_H

#include "private.h"

/* One of its nodes. */
bool live_is_node(uint64_t inode);
/* Its name, or a name in it: nobody may make, rename or remove that. */
bool live_is_name(uint64_t parent, const char *name);
/* What a DENIED record names instead: .inkfs in the root, as the store does not know these nodes. */
uint64_t live_recorded_inode(uint64_t inode);
struct ink_str live_recorded_name(uint64_t parent, const char *name);

/* As the handlers in private.h, for these nodes and names. */
void live_lookup(fuse_req_t req, uint64_t parent, const char *name);
void live_getattr(fuse_req_t req, uint64_t inode);
/* @change: its mask is 0 if the size is to change, to @size. */
void live_refuse_change(fuse_req_t req, uint64_t inode, const struct ink_setattr *change,
			uint64_t size);
void live_open(fuse_req_t req, uint64_t inode, struct fuse_file_info *info);
void live_read(fuse_req_t req, size_t size, off_t offset, struct handle *handle);
void live_readdir(fuse_req_t req, size_t size, off_t offset, bool is_plus);

#endif
