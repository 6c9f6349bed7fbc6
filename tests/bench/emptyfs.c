/*
 * An empty FUSE file system: what the kernel and libfuse cost by themselves.
 *
 * The benchmarks divide by it.  So it asks the kernel for exactly what the
 * driver asks for (direct I/O for writers, requests of 1 MiB, no asynchronous
 * direct I/O, no writeback cache, default_permissions, long timeouts, a FLUSH
 * at each close) and then does nothing: a write is counted and answered.
 *
 * Its second use is to compare ways of waiting for requests; hence the options
 * for the session loop.  It stays in the foreground, prints "ready" when
 * mounted and ends when it is unmounted.
 */
#define FUSE_USE_VERSION 312

#include <errno.h>
#include <fcntl.h>
#include <fuse3/fuse_lowlevel.h>
#include <getopt.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define WRITE_SIZE_MAX (1u << 20)
#define BUCKET_COUNT 4096
#define NAME_SIZE_MAX 256
#define THREAD_COUNT_MAX 64
#define SKIP_COUNT_MAX 1023
#define TIMEOUT_S 86400.0

enum loop_kind {
	LOOP_MT,     /* fuse_session_loop_mt */
	LOOP_SINGLE, /* fuse_session_loop */
	LOOP_FIXED,  /* a fixed number of threads of ours */
};

struct options {
	enum loop_kind loop;
	bool has_clone_fd;
	unsigned thread_count_max;
	unsigned idle_count_max; /* UINT32_MAX: threads are never ended */
	unsigned spin_us;
	bool is_yielding;    /* between two looks, let others run */
	bool is_backing_off; /* after a vain spin, skip ever more of them */
	unsigned work_us;    /* what a write takes, to stand for a driver that does something */
	const char *mountpoint;
};

/* A file is never forgotten, so its address can be its inode number. */
struct file {
	struct file *next;
	_Atomic uint64_t size;
	char name[NAME_SIZE_MAX];
};

struct emptyfs {
	struct options options;
	struct fuse_session *session;
	pthread_mutex_t lock; /* buckets and the chains from them */
	struct file *buckets[BUCKET_COUNT];
	/* Only one thread spins: two on two CPUs would leave none for the writer. */
	atomic_flag is_spinning;
	unsigned skip_count; /* of the thread that holds is_spinning, as the next */
	unsigned skip_left;
	char zeros[WRITE_SIZE_MAX];
};

static struct emptyfs *emptyfs_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static struct file *file_of(fuse_ino_t ino)
{
	return (struct file *)(uintptr_t)ino;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* --- names --------------------------------------------------------------- */

static struct file **bucket_of(struct emptyfs *fs, const char *name)
{
	uint32_t hash = 2166136261u;

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619u;
	return &fs->buckets[hash % BUCKET_COUNT];
}

/* Returns NULL if there is none and @is_created is false, or without memory. */
static struct file *file_find(struct emptyfs *fs, const char *name, bool is_created)
{
	struct file **bucket = bucket_of(fs, name);
	struct file *file;

	pthread_mutex_lock(&fs->lock);
	for (file = *bucket; file; file = file->next)
		if (strcmp(file->name, name) == 0)
			break;
	if (!file && is_created) {
		file = calloc(1, sizeof(*file));
		if (file) {
			memcpy(file->name, name, strlen(name) + 1);
			file->next = *bucket;
			*bucket = file;
		}
	}
	pthread_mutex_unlock(&fs->lock);
	return file;
}

static void attr_fill(fuse_ino_t ino, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_ino = ino;
	st->st_uid = getuid();
	st->st_gid = getgid();
	if (ino == FUSE_ROOT_ID) {
		st->st_mode = S_IFDIR | 0755;
		st->st_nlink = 2;
		return;
	}
	st->st_mode = S_IFREG | 0644;
	st->st_nlink = 1;
	st->st_size = (off_t)atomic_load(&file_of(ino)->size);
}

static void entry_fill(struct file *file, struct fuse_entry_param *entry)
{
	memset(entry, 0, sizeof(*entry));
	entry->ino = (fuse_ino_t)(uintptr_t)file;
	entry->attr_timeout = TIMEOUT_S;
	entry->entry_timeout = TIMEOUT_S;
	attr_fill(entry->ino, &entry->attr);
}

/* --- requests ------------------------------------------------------------ */

static void empty_init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	conn->max_write = WRITE_SIZE_MAX;
	conn->want &= ~(unsigned)(FUSE_CAP_ASYNC_DIO | FUSE_CAP_WRITEBACK_CACHE);
}

static void empty_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct file *file = file_find(emptyfs_of(req), name, false);
	struct fuse_entry_param entry;

	(void)parent;
	if (!file) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	entry_fill(file, &entry);
	fuse_reply_entry(req, &entry);
}

static void empty_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	struct stat st;

	(void)info;
	attr_fill(ino, &st);
	fuse_reply_attr(req, &st, TIMEOUT_S);
}

static void empty_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
			  struct fuse_file_info *info)
{
	if (ino != FUSE_ROOT_ID && (to_set & FUSE_SET_ATTR_SIZE))
		atomic_store(&file_of(ino)->size, (uint64_t)attr->st_size);
	empty_getattr(req, ino, info);
}

/* As the driver does it: who writes bypasses the page cache, who reads uses it. */
static void handle_set_up(struct fuse_file_info *info)
{
	info->direct_io = (info->flags & O_ACCMODE) != O_RDONLY;
}

static void empty_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
			 struct fuse_file_info *info)
{
	struct fuse_entry_param entry;
	struct file *file;

	(void)parent;
	(void)mode;
	if (strlen(name) >= NAME_SIZE_MAX) {
		fuse_reply_err(req, ENAMETOOLONG);
		return;
	}
	file = file_find(emptyfs_of(req), name, true);
	if (!file) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	entry_fill(file, &entry);
	handle_set_up(info);
	fuse_reply_create(req, &entry, info);
}

static void empty_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	(void)ino;
	handle_set_up(info);
	fuse_reply_open(req, info);
}

static void empty_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
		       struct fuse_file_info *info)
{
	uint64_t file_size = atomic_load(&file_of(ino)->size);
	uint64_t left = (uint64_t)offset < file_size ? file_size - (uint64_t)offset : 0;

	(void)info;
	if (size > left)
		size = left;
	if (size > WRITE_SIZE_MAX)
		size = WRITE_SIZE_MAX;
	fuse_reply_buf(req, emptyfs_of(req)->zeros, size);
}

static void work(unsigned us)
{
	uint64_t end_ns;

	if (us == 0)
		return;
	end_ns = now_ns() + (uint64_t)us * 1000;
	while (now_ns() < end_ns)
		continue;
}

static void empty_write(fuse_req_t req, fuse_ino_t ino, const char *bytes, size_t size,
			off_t offset, struct fuse_file_info *info)
{
	(void)bytes;
	(void)offset;
	(void)info;
	work(emptyfs_of(req)->options.work_us);
	atomic_fetch_add_explicit(&file_of(ino)->size, size, memory_order_relaxed);
	fuse_reply_write(req, size);
}

static void empty_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	(void)ino;
	(void)info;
	fuse_reply_err(req, 0);
}

static void empty_fsync(fuse_req_t req, fuse_ino_t ino, int is_data, struct fuse_file_info *info)
{
	(void)is_data;
	empty_flush(req, ino, info);
}

static const struct fuse_lowlevel_ops operations = {
	.init = empty_init,
	.lookup = empty_lookup,
	.getattr = empty_getattr,
	.setattr = empty_setattr,
	.create = empty_create,
	.open = empty_open,
	.read = empty_read,
	.write = empty_write,
	.flush = empty_flush,
	.release = empty_flush,
	.fsync = empty_fsync,
};

/* --- waiting for requests -------------------------------------------------- */

/*
 * Spinning needs reads that do not block, and O_NONBLOCK belongs to the open
 * file; so each thread has a clone of its own with the flag, and answers a
 * request on the descriptor it came from, where alone the kernel looks for it.
 */
static _Thread_local int thread_spin_fd = -1;
static _Thread_local int thread_reply_fd = -1;

static int clone_open(int fd, int flags)
{
	uint32_t source = (uint32_t)fd;
	int clone = open("/dev/fuse", O_RDWR | O_CLOEXEC | flags);

	if (clone >= 0 && ioctl(clone, FUSE_DEV_IOC_CLONE, &source) != 0) {
		close(clone);
		return -1;
	}
	return clone;
}

/* Returns -1 with EAGAIN if nothing came in time. */
static ssize_t read_spinning(struct emptyfs *fs, void *buf, size_t size)
{
	uint64_t end_ns = now_ns() + (uint64_t)fs->options.spin_us * 1000;
	ssize_t got;

	for (;;) {
		got = read(thread_spin_fd, buf, size);
		if (got >= 0 || errno != EAGAIN || now_ns() >= end_ns)
			return got;
		if (fs->options.is_yielding)
			sched_yield();
	}
}

/*
 * A spin is vain if requests come seldom, or if the spinner itself keeps the
 * writer from the CPU.  Either way the next ones would be vain too.
 */
static ssize_t read_backing_off(struct emptyfs *fs, void *buf, size_t size)
{
	ssize_t got;

	if (fs->skip_left > 0) {
		fs->skip_left--;
		errno = EAGAIN;
		return -1;
	}
	got = read_spinning(fs, buf, size);
	if (got > 0)
		fs->skip_count = 0;
	else if (fs->options.is_backing_off)
		fs->skip_count =
			fs->skip_count < SKIP_COUNT_MAX ? fs->skip_count * 2 + 1 : SKIP_COUNT_MAX;
	fs->skip_left = fs->skip_count;
	return got;
}

static ssize_t spin_read(int fd, void *buf, size_t size, void *userdata)
{
	struct emptyfs *fs = userdata;
	ssize_t got;

	if (thread_spin_fd < 0)
		thread_spin_fd = clone_open(fd, O_NONBLOCK);
	if (thread_spin_fd >= 0 && !atomic_flag_test_and_set(&fs->is_spinning)) {
		got = read_backing_off(fs, buf, size);
		atomic_flag_clear(&fs->is_spinning);
		thread_reply_fd = thread_spin_fd;
		if (got >= 0 || errno != EAGAIN)
			return got;
	}
	thread_reply_fd = fd;
	return read(fd, buf, size);
}

static ssize_t spin_writev(int fd, struct iovec *iov, int count, void *userdata)
{
	(void)userdata;
	return writev(thread_reply_fd >= 0 ? thread_reply_fd : fd, iov, count);
}

static void *fixed_worker(void *arg)
{
	struct emptyfs *fs = arg;
	struct fuse_buf buf = { .mem = NULL };

	while (!fuse_session_exited(fs->session)) {
		int got = fuse_session_receive_buf(fs->session, &buf);

		if (got == -EINTR)
			continue;
		if (got <= 0)
			break;
		fuse_session_process_buf(fs->session, &buf);
	}
	free(buf.mem);
	return NULL;
}

static int loop_fixed(struct emptyfs *fs)
{
	pthread_t threads[THREAD_COUNT_MAX];
	unsigned count;

	for (count = 0; count < fs->options.thread_count_max; count++)
		if (pthread_create(&threads[count], NULL, fixed_worker, fs) != 0)
			break;
	for (unsigned i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	return count > 0 ? 0 : -EAGAIN;
}

static int loop_mt(struct emptyfs *fs)
{
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	int result;

	if (!config)
		return -ENOMEM;
	fuse_loop_cfg_set_clone_fd(config, fs->options.has_clone_fd);
	fuse_loop_cfg_set_max_threads(config, fs->options.thread_count_max);
	if (fs->options.idle_count_max != UINT32_MAX)
		fuse_loop_cfg_set_idle_threads(config, fs->options.idle_count_max);
	result = fuse_session_loop_mt(fs->session, config);
	fuse_loop_cfg_destroy(config);
	return result;
}

static int loop_run(struct emptyfs *fs)
{
	switch (fs->options.loop) {
	case LOOP_MT: return loop_mt(fs);
	case LOOP_SINGLE: return fuse_session_loop(fs->session);
	case LOOP_FIXED: return loop_fixed(fs);
	}
	return -EINVAL;
}

/* --- main ------------------------------------------------------------------ */

static int usage(void)
{
	fputs("usage: emptyfs [--loop mt|single|fixed] [--threads N] [--idle N] [--clone-fd]\n"
	      "               [--spin-us N [--yield] [--back-off]] [--work-us N] MOUNTPOINT\n",
	      stderr);
	return 2;
}

static int options_parse(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {
		{ "loop", required_argument, NULL, 'l' },
		{ "threads", required_argument, NULL, 't' },
		{ "idle", required_argument, NULL, 'i' },
		{ "clone-fd", no_argument, NULL, 'c' },
		{ "spin-us", required_argument, NULL, 's' },
		{ "yield", no_argument, NULL, 'y' },
		{ "back-off", no_argument, NULL, 'b' },
		{ "work-us", required_argument, NULL, 'w' },
		{ NULL, 0, NULL, 0 },
	};
	static const char *const kinds[] = { "mt", "single", "fixed" };
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'l':
			for (options->loop = LOOP_MT; options->loop <= LOOP_FIXED; options->loop++)
				if (strcmp(optarg, kinds[options->loop]) == 0)
					break;
			if (options->loop > LOOP_FIXED)
				return -1;
			break;
		case 't': options->thread_count_max = (unsigned)atoi(optarg); break;
		case 'i': options->idle_count_max = (unsigned)atoi(optarg); break;
		case 'c': options->has_clone_fd = true; break;
		case 's': options->spin_us = (unsigned)atoi(optarg); break;
		case 'y': options->is_yielding = true; break;
		case 'b': options->is_backing_off = true; break;
		case 'w': options->work_us = (unsigned)atoi(optarg); break;
		default: return -1;
		}
	}
	if (optind + 1 != argc || options->thread_count_max - 1 >= THREAD_COUNT_MAX)
		return -1;
	options->mountpoint = argv[optind];
	return 0;
}

static int serve(struct emptyfs *fs)
{
	static const struct fuse_custom_io spin_io = { .read = spin_read, .writev = spin_writev };
	int result;

	if (fuse_session_mount(fs->session, fs->options.mountpoint) != 0)
		return 1;
	if (fs->options.spin_us > 0)
		fuse_session_custom_io(fs->session, &spin_io, fuse_session_fd(fs->session));
	puts("ready");
	fflush(stdout);
	result = loop_run(fs);
	fuse_session_unmount(fs->session);
	return result == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	static struct emptyfs fs = {
		.options = { .thread_count_max = 10, .idle_count_max = UINT32_MAX },
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.is_spinning = ATOMIC_FLAG_INIT,
	};
	static char flag[] = "-o";
	static char mount_options[] = "default_permissions,fsname=emptyfs";
	char *fuse_argv[] = { argv[0], flag, mount_options, NULL };
	struct fuse_args args = FUSE_ARGS_INIT(3, fuse_argv);
	int result;

	if (options_parse(argc, argv, &fs.options) != 0)
		return usage();
	fs.session = fuse_session_new(&args, &operations, sizeof(operations), &fs);
	if (!fs.session)
		return 1;
	result = serve(&fs);
	fuse_session_destroy(fs.session);
	fuse_opt_free_args(&args);
	return result;
}
