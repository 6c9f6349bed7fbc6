/* SPDX-License-Identifier: MIT */
#include "driver.h"

#include "init_reply.h"
#include "private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_AHEAD_SIZE (1u << 20) /* the system takes what it can */

/*
 * Measured in tests/bench/NOTES.md: ten threads help even one writer, ending and starting idle ones costs most of
 * all, and a descriptor for each thread gains nothing.
 */
static const struct {
	unsigned thread_count;
	unsigned idle_count_max; /* 0: they stay */
	bool has_descriptor_each;
} loop_defaults = { DRIVER_THREAD_COUNT_DEFAULT, 0, false };

/* What the system may do (on) and must not do (off); the rest as libfuse likes it. */
static const struct {
	unsigned on, off;
} capabilities = {
	.on = FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_ASYNC_READ |
	      FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_PARALLEL_DIROPS |
	      FUSE_CAP_IOCTL_DIR | FUSE_CAP_CACHE_SYMLINKS,
	/*
	 * Pieces of one append must come in order, and never from the page cache.  Without HANDLE_KILLPRIV the
	 * system itself drops set-id bits in chown; for writes ops_data.c does.
	 */
	.off = FUSE_CAP_ASYNC_DIO | FUSE_CAP_WRITEBACK_CACHE | FUSE_CAP_HANDLE_KILLPRIV |
	       FUSE_CAP_POSIX_ACL | FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE |
	       FUSE_CAP_SPLICE_MOVE | FUSE_CAP_POSIX_LOCKS | FUSE_CAP_FLOCK_LOCKS |
	       FUSE_CAP_NO_OPEN_SUPPORT | FUSE_CAP_NO_OPENDIR_SUPPORT |
	       FUSE_CAP_EXPLICIT_INVAL_DATA,
};

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	struct driver *driver = userdata;

	conn->max_write = INK_APPEND_SIZE_MAX;
	conn->max_read = INK_APPEND_SIZE_MAX;
	if (conn->max_readahead > READ_AHEAD_SIZE)
		conn->max_readahead = READ_AHEAD_SIZE;
	conn->want |= capabilities.on & conn->capable;
	conn->want &= ~capabilities.off;
	driver->is_init_reply_next = true;
	if (driver->options.on_ready)
		driver->options.on_ready(driver->options.ctx);
}

/*
 * Not here on purpose: locks (the system keeps them; a handler that waits makes processes that nobody can kill),
 * copy_file_range (the system then reads and writes), forget (nothing is kept), tmpfile (libfuse 3.14 has none).
 */
static const struct fuse_lowlevel_ops ops = {
	.init = op_init,
	.lookup = op_lookup,
	.getattr = op_getattr,
	.setattr = op_setattr,
	.readlink = op_readlink,
	.mknod = op_mknod,
	.mkdir = op_mkdir,
	.unlink = op_unlink,
	.rmdir = op_rmdir,
	.symlink = op_symlink,
	.rename = op_rename,
	.link = op_link,
	.open = op_open,
	.read = op_read,
	.write = op_write,
	.flush = op_flush,
	.release = op_release,
	.fsync = op_fsync,
	.opendir = op_opendir,
	.readdir = op_readdir,
	.releasedir = op_releasedir,
	.fsyncdir = op_fsyncdir,
	.statfs = op_statfs,
	.setxattr = op_setxattr,
	.getxattr = op_getxattr,
	.listxattr = op_listxattr,
	.removexattr = op_removexattr,
	.create = op_create,
	.ioctl = op_ioctl,
	.fallocate = op_fallocate,
	.readdirplus = op_readdirplus,
	.lseek = op_lseek,
};

/* libfuse takes options as one string; a comma or backslash in the store's path is escaped. */
static char *mount_options(const struct driver_options *options)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	fputs("subtype=inkfs,default_permissions,fsname=", out);
	for (const char *c = options->store_path; *c; c++)
		fprintf(out, "%s%c", *c == ',' || *c == '\\' ? "\\" : "", *c);
	fprintf(out, ",max_read=%d", INK_APPEND_SIZE_MAX);
	if (options->is_for_all)
		fputs(",allow_other", out);
	if (options->is_read_only)
		fputs(",ro", out);
	if (options->flags && options->flags[0])
		fprintf(out, ",%s", options->flags);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

static struct fuse_session *session_new(struct driver *driver)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	struct fuse_session *session = NULL;
	char *options = mount_options(&driver->options);

	if (options && fuse_opt_add_arg(&args, "mount.inkfs") == 0 &&
	    fuse_opt_add_arg(&args, "-o") == 0 && fuse_opt_add_arg(&args, options) == 0)
		session = fuse_session_new(&args, &ops, sizeof(ops), driver);
	fuse_opt_free_args(&args);
	free(options);
	return session;
}

static struct fuse_loop_config *loop_new(unsigned thread_count)
{
	struct fuse_loop_config *loop = fuse_loop_cfg_create();

	if (!loop)
		return NULL;
	fuse_loop_cfg_set_clone_fd(loop, loop_defaults.has_descriptor_each);
	if (loop_defaults.idle_count_max > 0)
		fuse_loop_cfg_set_idle_threads(loop, loop_defaults.idle_count_max);
	fuse_loop_cfg_set_max_threads(loop,
				      thread_count > 0 ? thread_count : loop_defaults.thread_count);
	return loop;
}

enum ink_err driver_open(const struct driver_options *options, struct driver **ret_driver)
{
	struct driver *driver = calloc(1, sizeof(*driver));

	if (!driver)
		return INK_ERR_IO;
	driver->options = *options;
	driver->store_fd = -1;
	tails_init(&driver->tails,
		   options->thread_count > 0 ? options->thread_count : loop_defaults.thread_count);
	handles_init(&driver->handles);
	syncs_init(&driver->syncs);
	pthread_mutex_init(&driver->checkpoint.lock, NULL);
	clock_gettime(CLOCK_REALTIME, &driver->begun);
	errno = ENOMEM;
	driver->loop = loop_new(options->thread_count);
	if (!driver->loop)
		goto fail;
	driver->session = session_new(driver);
	if (!driver->session) {
		errno = EINVAL;
		goto fail;
	}
	init_reply_raise_limit();
	if (fuse_session_mount(driver->session, options->mount_point) != 0) {
		errno = errno ? errno : EIO;
		fuse_session_destroy(driver->session);
		driver->session = NULL;
		goto fail;
	}
	(void)init_reply_watch(driver->session);
	driver->has_signals = fuse_set_signal_handlers(driver->session) == 0;
	*ret_driver = driver;
	return INK_OK;
fail:
	driver_close(driver);
	return INK_ERR_IO;
}

/* The loop answers with the number of the signal that ended it. */
enum ink_err driver_run(struct driver *driver, struct ink_store *store, struct handout *handout,
			enum ink_unmount_reason *ret_reason)
{
	int result;

	driver->store = store;
	driver->handout = handout;
	driver->store_fd = open(driver->options.store_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (driver->store_fd < 0)
		return INK_ERR_IO;
	errno = ENOMEM;
	driver->actors = actors_open(store);
	if (!driver->actors)
		return INK_ERR_IO;
	result = fuse_session_loop_mt(driver->session, driver->loop);
	/* The store's own threads may still have to answer some. */
	syncs_wait(&driver->syncs);
	if (result < 0) {
		errno = -result;
		return INK_ERR_IO;
	}
	*ret_reason = result > 0 ? INK_UNMOUNT_SIGNAL : INK_UNMOUNT_ASKED;
	return INK_OK;
}

void driver_close(struct driver *driver)
{
	int saved_errno = errno;

	if (!driver)
		return;
	if (driver->session) {
		if (driver->has_signals)
			fuse_remove_signal_handlers(driver->session);
		fuse_session_unmount(driver->session);
		fuse_session_destroy(driver->session);
	}
	if (driver->loop)
		fuse_loop_cfg_destroy(driver->loop);
	handles_release(driver);
	actors_close(driver->actors);
	if (driver->store_fd >= 0)
		close(driver->store_fd);
	tails_release(&driver->tails);
	syncs_release(&driver->syncs);
	pthread_mutex_destroy(&driver->checkpoint.lock);
	free(driver);
	errno = saved_errno;
}
