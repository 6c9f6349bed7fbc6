/* SPDX-License-Identifier: MIT */
#include "mem_io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

struct mem_file *mem_io_find(struct mem_io *mem, const char *name)
{
	for (unsigned i = 0; i < MEM_FILES_MAX; i++)
		if (mem->files[i].name[0] && strcmp(mem->files[i].name, name) == 0)
			return &mem->files[i];
	return NULL;
}

void mem_io_put(struct mem_io *mem, const char *name, const uint8_t *data, size_t size)
{
	struct mem_file *file = mem_io_find(mem, name);

	for (unsigned i = 0; i < MEM_FILES_MAX && !file; i++)
		if (!mem->files[i].name[0])
			file = &mem->files[i];
	FUZZ_REQUIRE(file && strlen(name) < MEM_NAME_SIZE);
	free(file->data);
	snprintf(file->name, MEM_NAME_SIZE, "%s", name);
	file->data = fuzz_copy(data, size);
	file->size = size;
}

static int mem_open(void *ctx, const char *path, int flags, mode_t mode)
{
	struct mem_io *mem = ctx;
	struct mem_file *file = mem_io_find(mem, last_part(path));

	(void)mode;
	if (file && flags & O_EXCL) {
		errno = EEXIST;
		return -1;
	}
	if (!file && flags & O_CREAT) {
		mem_io_put(mem, last_part(path), NULL, 0);
		file = mem_io_find(mem, last_part(path));
	}
	if (!file) {
		errno = ENOENT;
		return -1;
	}
	mem->open_count++;
	return (int)(file - mem->files);
}

static int mem_close(void *ctx, int fd)
{
	struct mem_io *mem = ctx;

	FUZZ_REQUIRE(fd >= 0 && fd < MEM_FILES_MAX && mem->open_count > 0);
	mem->open_count--;
	return 0;
}

static ssize_t mem_pread(void *ctx, int fd, void *buf, size_t size, uint64_t offset)
{
	struct mem_io *mem = ctx;
	const struct mem_file *file = &mem->files[fd];

	if (offset >= file->size)
		return 0;
	if (size > file->size - offset)
		size = file->size - (size_t)offset;
	memcpy(buf, file->data + offset, size);
	mem->read_bytes += size;
	return (ssize_t)size;
}

static ssize_t mem_pwritev(void *ctx, int fd, const struct iovec *parts, int count, uint64_t offset)
{
	struct mem_io *mem = ctx;
	struct mem_file *file = &mem->files[fd];
	size_t size = 0;

	for (int i = 0; i < count; i++)
		size += parts[i].iov_len;
	if (offset + size > file->size) {
		uint8_t *data = calloc(1, offset + size);

		FUZZ_REQUIRE(data);
		if (file->size > 0)
			memcpy(data, file->data, file->size);
		free(file->data);
		file->data = data;
		file->size = offset + size;
	}
	for (int i = 0; i < count; i++) {
		memcpy(file->data + offset, parts[i].iov_base, parts[i].iov_len);
		offset += parts[i].iov_len;
	}
	return (ssize_t)size;
}

static int mem_nothing(void *ctx, int fd)
{
	(void)ctx;
	(void)fd;
	return 0;
}

static int mem_sync_dir(void *ctx, const char *path)
{
	(void)ctx;
	(void)path;
	return 0;
}

static int mem_chmod(void *ctx, int fd, mode_t mode)
{
	(void)ctx;
	(void)fd;
	(void)mode;
	return 0;
}

static int mem_stat(void *ctx, int fd, struct stat *ret_stat)
{
	struct mem_io *mem = ctx;

	memset(ret_stat, 0, sizeof(*ret_stat));
	ret_stat->st_mode = S_IFREG | 0600;
	ret_stat->st_uid = geteuid();
	ret_stat->st_nlink = 1;
	ret_stat->st_size = (off_t)mem->files[fd].size;
	return 0;
}

static int mem_unlink(void *ctx, const char *path)
{
	struct mem_file *file = mem_io_find(ctx, last_part(path));

	if (!file) {
		errno = ENOENT;
		return -1;
	}
	free(file->data);
	*file = (struct mem_file){ 0 };
	return 0;
}

static int mem_rename(void *ctx, const char *from, const char *to)
{
	struct mem_io *mem = ctx;
	struct mem_file *old = mem_io_find(mem, last_part(to));
	struct mem_file *file = mem_io_find(mem, last_part(from));

	FUZZ_REQUIRE(file);
	/* Whoever has it open keeps it, without a name. */
	if (old)
		old->name[0] = '\0';
	snprintf(file->name, MEM_NAME_SIZE, "%s", last_part(to));
	return 0;
}

void mem_io_init(struct mem_io *mem)
{
	memset(mem, 0, sizeof(*mem));
	mem->io = (struct io){
		.ctx = mem,
		.open = mem_open,
		.close = mem_close,
		.pread = mem_pread,
		.pwritev = mem_pwritev,
		.fdatasync = mem_nothing,
		.sync_dir = mem_sync_dir,
		.chmod = mem_chmod,
		.stat = mem_stat,
		.rename = mem_rename,
		.unlink = mem_unlink,
	};
}

void mem_io_release(struct mem_io *mem)
{
	FUZZ_REQUIRE(mem->open_count == 0);
	for (unsigned i = 0; i < MEM_FILES_MAX; i++)
		free(mem->files[i].data);
	memset(mem, 0, sizeof(*mem));
}
