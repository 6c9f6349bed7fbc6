/* SPDX-License-Identifier: MIT */
/* Making a store: folders, keys, GENESIS.  Whatever fails, nothing stays behind. */
#include "store_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "hash.h"

/* What there is to undo, in the order in which it was made. */
struct making {
	const struct io *io;
	const char *path;
	bool made_store;
	char keys_dir[PATH_MAX];
	bool made_keys_dir;
	struct key_pair *log_key;
	struct key_pair *seal_key;
	uint8_t store_id[INK_STORE_ID_SIZE];
	char origin[ORIGIN_SIZE_MAX + 1];
};

static void sub_path(const char *path, const char *name, char ret_path[static PATH_MAX])
{
	snprintf(ret_path, PATH_MAX, "%.*s/%s", PATH_MAX - 80, path, name);
}

static enum ink_err check_options(const struct ink_init_options *options,
				  uint64_t *ret_segment_size, struct ink_error *error)
{
	uint64_t size = options->segment_size ? options->segment_size : SEGMENT_SIZE_DEFAULT;

	if (!options->origin || !origin_name_is_valid(options->origin))
		return error_set(
			error, INK_ERR_INVALID,
			"the origin must be 1 to %d printable ASCII characters without space and '+', like logs.example.com/ci",
			ORIGIN_NAME_SIZE_MAX);
	if (size < SEGMENT_SIZE_MIN || size > SEGMENT_SIZE_MAX)
		return error_set(
			error, INK_ERR_INVALID, "the segment size must be from %llu to %llu bytes",
			(unsigned long long)SEGMENT_SIZE_MIN, (unsigned long long)SEGMENT_SIZE_MAX);
	if (options->root_mode & ~07777U)
		return error_set(error, INK_ERR_INVALID,
				 "the root mode must be permission bits, like 0755");
	*ret_segment_size = size;
	return INK_OK;
}

static enum ink_err make_store_dir(struct making *m, struct ink_error *error)
{
	struct dirent *entry;
	bool is_empty = true;
	DIR *dir;

	if (m->io->mkdir(m->io->ctx, m->path, 0700) == 0) {
		m->made_store = true;
		return INK_OK;
	}
	if (errno != EEXIST)
		return error_io(error, m->path, "cannot make the store's folder");
	dir = opendir(m->path);
	if (!dir)
		return error_io(error, m->path, "cannot use as the store's folder");
	/* A file system of its own may have been made for the store; ext4 begins with that folder. */
	while (is_empty && (entry = readdir(dir)))
		is_empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
			   strcmp(entry->d_name, "lost+found") == 0;
	closedir(dir);
	if (!is_empty)
		return error_set(
			error, INK_ERR_EXISTS,
			"%s is not empty; choose a folder that does not exist yet, or an empty one",
			m->path);
	return INK_OK;
}

static enum ink_err make_keys(struct making *m, const struct ink_init_options *options,
			      struct ink_error *error)
{
	if (options->keys_dir)
		snprintf(m->keys_dir, sizeof(m->keys_dir), "%.*s", PATH_MAX - 80,
			 options->keys_dir);
	else
		sub_path(m->path, "keys", m->keys_dir);
	if (m->io->mkdir(m->io->ctx, m->keys_dir, 0700) == 0)
		m->made_keys_dir = true;
	else if (errno != EEXIST)
		return error_io(error, m->keys_dir, "cannot make the folder for the keys");
	m->log_key = key_make();
	m->seal_key = key_make();
	if (!m->log_key || !m->seal_key) {
		errno = ENOMEM;
		return error_io(error, m->keys_dir, "cannot keep keys in locked memory");
	}
	randombytes_buf(m->store_id, sizeof(m->store_id));
	origin_make(options->origin, m->store_id, m->seal_key->public_key, m->origin);
	return INK_OK;
}

static enum ink_err write_keys(struct making *m, struct ink_error *error)
{
	char path[PATH_MAX];
	enum ink_err err;

	sub_path(m->keys_dir, "seal.key", path);
	if (access(path, F_OK) == 0)
		return error_set(error, INK_ERR_EXISTS,
				 "%s exists; a key of another store is never overwritten", path);
	err = log_key_write(m->io, m->keys_dir, m->origin, m->log_key);
	if (err == INK_OK)
		err = seal_key_write(m->io, m->keys_dir, m->store_id, 0, m->seal_key, NULL);
	return err == INK_OK ? err : error_io(error, m->keys_dir, "cannot write the keys");
}

static enum ink_err sign_genesis(struct making *m, const struct ink_init_options *options,
				 uint64_t segment_size, struct ink_header *header, uint8_t *nonce,
				 uint8_t *ret_body)
{
	union ink_body body = { .genesis = {
					.root_mode =
						S_IFDIR |
						(options->root_mode ? options->root_mode : 0755),
					.store_id = m->store_id,
					.log_key = m->log_key->public_key,
					.seal_key = m->seal_key->public_key,
					.segment_size = segment_size,
					.origin = str_of(m->origin, ORIGIN_SIZE_MAX),
					.software = str_of("inkfs " INK_VERSION, 64),
				} };

	header->body_size = seal_body_size(INK_GENESIS, &body);
	randombytes_buf(nonce, INK_NONCE_SIZE);
	return seal_sign(header, nonce, &body, m->log_key, m->seal_key, true, ret_body);
}

static enum ink_err write_genesis(struct making *m, const struct ink_init_options *options,
				  uint64_t segment_size, struct log *log)
{
	struct ink_header header = {
		.kind = INK_GENESIS, .inode = INK_ROOT_INODE, .uid = geteuid(), .gid = getegid()
	};
	uint8_t body[SEALED_BODY_SIZE_MAX], nonce[INK_NONCE_SIZE], leaf[INK_HASH_SIZE];
	struct log_ticket ticket;
	enum ink_err err;
	uint64_t place;

	/* The size is known only when the body is; room for the largest serves any. */
	header.body_size = SEALED_BODY_SIZE_MAX;
	err = log_prepare(log, &header, true);
	if (err == INK_OK)
		err = sign_genesis(m, options, segment_size, &header, nonce, body);
	if (err == INK_OK)
		err = log_write(log, &header, nonce, body, leaf, &place);
	/* One record, and nothing behind it: a store that was never mounted is closed in order. */
	if (err == INK_OK)
		err = log_trim(log, 0);
	if (err == INK_OK)
		err = log_ticket_take(log, &ticket);
	if (err == INK_OK)
		err = log_ticket_sync(&ticket);
	return err;
}

static enum ink_err make_log(struct making *m, const struct ink_init_options *options,
			     uint64_t segment_size, struct ink_error *error)
{
	char dir[PATH_MAX], lost[PATH_MAX];
	struct log_options log_options = {
		.io = m->io, .dir = dir, .segment_size = segment_size, .store_id = m->store_id
	};
	struct log *log = NULL;
	enum ink_err err = INK_ERR_IO;

	sub_path(m->path, "log", dir);
	sub_path(m->path, "lost", lost);
	if (m->io->mkdir(m->io->ctx, dir, 0700) == 0 && m->io->mkdir(m->io->ctx, lost, 0700) == 0)
		err = log_create(&log_options, &log);
	if (err == INK_OK)
		err = write_genesis(m, options, segment_size, log);
	log_close(log);
	return err == INK_OK ? err : error_io(error, dir, "cannot write the log");
}

static enum ink_err make_small_files(struct making *m, char ret_vkey[static INK_VKEY_SIZE],
				     struct ink_error *error)
{
	char path[PATH_MAX], line[INK_VKEY_SIZE + 1];
	int fd, size;

	vkey_format(str_of(m->origin, ORIGIN_SIZE_MAX), m->log_key->public_key, ret_vkey);
	size = snprintf(line, sizeof(line), "%s\n", ret_vkey);
	sub_path(m->path, "vkey", path);
	fd = m->io->open(m->io->ctx, path, O_WRONLY | O_CREAT | O_EXCL, 0644);
	if (fd < 0 || io_write(m->io, fd, &(struct iovec){ line, (size_t)size }, 1, 0) != INK_OK ||
	    m->io->fdatasync(m->io->ctx, fd) != 0) {
		io_close(m->io, fd);
		return error_io(error, path, "cannot write");
	}
	io_close(m->io, fd);
	sub_path(m->path, "lock", path);
	fd = m->io->open(m->io->ctx, path, O_WRONLY | O_CREAT | O_EXCL, 0644);
	if (fd < 0)
		return error_io(error, path, "cannot make");
	io_close(m->io, fd);
	if (m->io->sync_dir(m->io->ctx, m->path) != 0)
		return error_io(error, m->path, "cannot sync");
	return INK_OK;
}

/* A folder that was made is there after a power cut only once the one that holds it is synced. */
static enum ink_err sync_parent(const struct io *io, const char *path, struct ink_error *error)
{
	char parent[PATH_MAX];
	size_t size = strlen(path);

	while (size > 0 && path[size - 1] == '/')
		size--;
	while (size > 0 && path[size - 1] != '/')
		size--;
	snprintf(parent, sizeof(parent), "%.*s", size > 0 ? (int)size : 1, size > 0 ? path : ".");
	/* Not "folder/": one name for one folder, as everywhere. */
	if (size > 1)
		parent[size - 1] = '\0';
	return io->sync_dir(io->ctx, parent) == 0 ? INK_OK : error_io(error, parent, "cannot sync");
}

static void remove_file(const char *dir, const char *name)
{
	char path[PATH_MAX];

	sub_path(dir, name, path);
	(void)unlink(path);
}

/* Only what this call made; names that were there before stopped it earlier. */
static void undo(struct making *m, bool has_keys)
{
	char path[PATH_MAX];
	int keep = errno;

	sub_path(m->path, "log", path);
	remove_file(path, "0000000000.seg");
	(void)rmdir(path);
	sub_path(m->path, "lost", path);
	(void)rmdir(path);
	remove_file(m->path, "vkey");
	remove_file(m->path, "lock");
	if (has_keys) {
		remove_file(m->keys_dir, "log.key");
		remove_file(m->keys_dir, "seal.key");
		remove_file(m->keys_dir, "seal.key.new");
	}
	if (m->made_keys_dir)
		(void)rmdir(m->keys_dir);
	if (m->made_store)
		(void)rmdir(m->path);
	errno = keep;
}

enum ink_err store_init_on(const struct io *io, const char *path,
			   const struct ink_init_options *options,
			   char ret_vkey[static INK_VKEY_SIZE], struct ink_error *ret_error)
{
	struct making m = { .io = io, .path = path };
	bool has_keys = false, has_dir = false;
	uint64_t segment_size = 0;
	enum ink_err err;

	if (!vkey_setup())
		return error_set(ret_error, INK_ERR_IO,
				 "libsodium gets no randomness from the system");
	if (strlen(path) > PATH_MAX - 128)
		return error_set(ret_error, INK_ERR_LIMIT, "the path of the store is too long");
	err = check_options(options, &segment_size, ret_error);
	if (err == INK_OK)
		err = make_store_dir(&m, ret_error);
	has_dir = err == INK_OK;
	if (err == INK_OK)
		err = make_keys(&m, options, ret_error);
	if (err == INK_OK) {
		err = write_keys(&m, ret_error);
		has_keys = err != INK_ERR_EXISTS && !(err == INK_ERR_IO && errno == EEXIST);
	}
	if (err == INK_OK)
		err = make_log(&m, options, segment_size, ret_error);
	if (err == INK_OK)
		err = make_small_files(&m, ret_vkey, ret_error);
	if (err == INK_OK && m.made_keys_dir)
		err = sync_parent(io, m.keys_dir, ret_error);
	if (err == INK_OK && m.made_store)
		err = sync_parent(io, path, ret_error);
	if (err != INK_OK && has_dir)
		undo(&m, has_keys);
	key_free(m.log_key);
	key_free(m.seal_key);
	return err;
}

enum ink_err ink_store_init(const char *path, const struct ink_init_options *options,
			    char ret_vkey[static INK_VKEY_SIZE], struct ink_error *ret_error)
{
	return store_init_on(io_system(), path, options, ret_vkey, ret_error);
}
