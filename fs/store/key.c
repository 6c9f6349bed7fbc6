/* SPDX-License-Identifier: MIT */
#include "key.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

#include "error.h"
#include "hash.h"

#define SEAL_KEY_MAGIC "inkfsKEY"
enum {
	SEAL_KEY_VERSION = 1,
	SEAL_KEY_OFF_VERSION = 8,
	SEAL_KEY_OFF_EPOCH = 12,
	SEAL_KEY_OFF_COUNT = 16,
	SEAL_KEY_OFF_ZERO = 20,
	SEAL_KEY_OFF_STORE_ID = 32,
	SEAL_KEY_OFF_FIRST = 48,
	SEAL_KEY_OFF_NEXT = 80,
	SEAL_KEY_OFF_HASH = 112,
	SEAL_KEY_SIZE = 144,
	KEY_BASE64_SIZE = 44, /* of type and seed */
};

_Static_assert(sizeof(((struct key_pair *)0)->secret) == crypto_sign_SECRETKEYBYTES, "Ed25519");

static struct key_pair *key_from_seed(const uint8_t *seed)
{
	struct key_pair *key = sodium_malloc(sizeof(*key));

	if (!key)
		return NULL;
	if (seed)
		memcpy(key->seed, seed, INK_KEY_SIZE);
	else
		randombytes_buf(key->seed, INK_KEY_SIZE);
	crypto_sign_seed_keypair(key->public_key, key->secret, key->seed);
	return key;
}

struct key_pair *key_make(void)
{
	return key_from_seed(NULL);
}

void key_free(struct key_pair *key)
{
	sodium_free(key); /* wipes, takes NULL */
}

void key_sign(const struct key_pair *key, const uint8_t *message, size_t size,
	      uint8_t ret_signature[static INK_SIGNATURE_SIZE])
{
	crypto_sign_detached(ret_signature, NULL, message, size, key->secret);
}

void seal_key_file_release(struct seal_key_file *file)
{
	key_free(file->first);
	key_free(file->next);
	*file = (struct seal_key_file){ 0 };
}

enum ink_err log_key_write(const struct io *io, const char *dir, const char *origin,
			   const struct key_pair *key)
{
	enum { LINE_SIZE = 1024 };
	char vkey[INK_VKEY_SIZE], path[PATH_MAX];
	struct ink_str name = str_of(origin, ORIGIN_SIZE_MAX);
	uint8_t *typed = sodium_malloc(1 + INK_KEY_SIZE);
	char *line = sodium_malloc(LINE_SIZE);
	enum ink_err err = INK_ERR_IO;
	size_t used;
	int fd = -1;

	if (!typed || !line)
		goto done;
	typed[0] = 0x01;
	memcpy(typed + 1, key->seed, INK_KEY_SIZE);
	vkey_format(name, key->public_key, vkey);
	/* The same name and key id as in the public line, then the seed instead of the key. */
	used = (size_t)snprintf(line, LINE_SIZE, "PRIVATE+KEY+%.*s", (int)name.size + 10, vkey);
	sodium_bin2base64(line + used, LINE_SIZE - used, typed, 1 + INK_KEY_SIZE,
			  sodium_base64_VARIANT_ORIGINAL);
	used = strlen(line);
	line[used++] = '\n';
	if (snprintf(path, sizeof(path), "%s/log.key", dir) >= (int)sizeof(path)) {
		errno = ENAMETOOLONG;
		goto done;
	}
	fd = io->open(io->ctx, path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		goto done;
	err = io_write(io, fd, &(struct iovec){ line, used }, 1, 0);
	if (err == INK_OK && (io->fdatasync(io->ctx, fd) != 0 || io->sync_dir(io->ctx, dir) != 0))
		err = INK_ERR_IO;
done:
	io_close(io, fd);
	sodium_free(typed);
	sodium_free(line);
	return err;
}

static void seal_key_encode(const uint8_t *store_id, uint32_t epoch, const struct key_pair *first,
			    const struct key_pair *next, uint8_t *p)
{
	memset(p, 0, SEAL_KEY_SIZE);
	memcpy(p, SEAL_KEY_MAGIC, 8);
	be32_store(p + SEAL_KEY_OFF_VERSION, SEAL_KEY_VERSION);
	be32_store(p + SEAL_KEY_OFF_EPOCH, epoch);
	be32_store(p + SEAL_KEY_OFF_COUNT, next ? 2 : 1);
	memcpy(p + SEAL_KEY_OFF_STORE_ID, store_id, INK_STORE_ID_SIZE);
	if (first)
		memcpy(p + SEAL_KEY_OFF_FIRST, first->seed, INK_KEY_SIZE);
	if (next)
		memcpy(p + SEAL_KEY_OFF_NEXT, next->seed, INK_KEY_SIZE);
	hash_data(p, SEAL_KEY_OFF_HASH, p + SEAL_KEY_OFF_HASH);
}

/*
 * A rename only frees the old file's blocks; the seed would stay readable on the raw disk.  Best
 * effort: the file is gone from the folder already, so a failure here loses nothing.
 */
static void wipe_and_close(const struct io *io, int fd)
{
	static const uint8_t zeros[SEAL_KEY_SIZE];
	struct iovec part = { (void *)(uintptr_t)zeros, sizeof(zeros) };

	if (fd < 0)
		return;
	if (io_write(io, fd, &part, 1, 0) == INK_OK)
		(void)io->fdatasync(io->ctx, fd);
	io_close(io, fd);
}

/* A crash between writing and renaming leaves seeds in the new file too. */
static enum ink_err wipe_left_over(const struct io *io, const char *path)
{
	char new_path[PATH_MAX + 8];
	int fd;

	snprintf(new_path, sizeof(new_path), "%s.new", path);
	fd = io->open(io->ctx, new_path, O_WRONLY | O_NONBLOCK, 0);
	/* A link or a FIFO there is none of ours; replacing removes it. */
	if (fd < 0)
		return errno == ENOENT || errno == ELOOP || errno == ENXIO ? INK_OK : INK_ERR_IO;
	wipe_and_close(io, fd);
	return INK_OK;
}

enum ink_err seal_key_write(const struct io *io, const char *dir, const uint8_t *store_id,
			    uint32_t epoch, const struct key_pair *first,
			    const struct key_pair *next)
{
	uint8_t *bytes = sodium_malloc(SEAL_KEY_SIZE);
	char path[PATH_MAX];
	enum ink_err err = INK_ERR_IO;
	int old_fd;

	if (!bytes) {
		errno = ENOMEM;
		return INK_ERR_IO;
	}
	if (snprintf(path, sizeof(path), "%s/seal.key", dir) >= (int)sizeof(path)) {
		sodium_free(bytes);
		errno = ENAMETOOLONG;
		return INK_ERR_IO;
	}
	seal_key_encode(store_id, epoch, first, next, bytes);
	old_fd = io->open(io->ctx, path, O_WRONLY | O_NONBLOCK, 0);
	err = wipe_left_over(io, path);
	if (err == INK_OK)
		err = io_replace_file(io, dir, path, bytes, SEAL_KEY_SIZE);
	if (err == INK_OK)
		wipe_and_close(io, old_fd);
	else
		io_close(io, old_fd);
	sodium_free(bytes);
	return err;
}

static enum ink_err check_file(const struct stat *st, const char *path, bool is_credential,
			       struct ink_error *ret_error)
{
	/* systemd keeps credentials as root's, in a folder of the service alone, and lets its user read them by an ACL. */
	bool is_own = st->st_uid == geteuid() || (is_credential && st->st_uid == 0);
	mode_t refused = is_credential ? 037 : 077;

	if (!S_ISREG(st->st_mode))
		return error_set(ret_error, INK_ERR_KEY, "%s is not a regular file", path);
	if (!is_own)
		return error_set(
			ret_error, INK_ERR_KEY,
			"%s belongs to uid %u, not to uid %u who runs this; run as its owner or chown it",
			path, st->st_uid, geteuid());
	if (st->st_mode & refused)
		return error_set(
			ret_error, INK_ERR_KEY,
			"%s may be read or written by others (mode %04o); chmod 0600 it, and think who may have read it",
			path, st->st_mode & 07777);
	return INK_OK;
}

static enum ink_err seal_key_decode(const uint8_t *p, const uint8_t *store_id, const char *path,
				    struct seal_key_file *ret_file, struct ink_error *ret_error)
{
	uint8_t hash[INK_HASH_SIZE];
	uint32_t count = be32_load(p + SEAL_KEY_OFF_COUNT);
	bool has_first = !bytes_are_zero(p + SEAL_KEY_OFF_FIRST, INK_KEY_SIZE);

	hash_data(p, SEAL_KEY_OFF_HASH, hash);
	if (memcmp(p, SEAL_KEY_MAGIC, 8) != 0 ||
	    be32_load(p + SEAL_KEY_OFF_VERSION) != SEAL_KEY_VERSION)
		return error_set(ret_error, INK_ERR_KEY,
				 "%s is not a seal key file of a known version", path);
	if (memcmp(hash, p + SEAL_KEY_OFF_HASH, INK_HASH_SIZE) != 0)
		return error_set(ret_error, INK_ERR_KEY,
				 "%s is damaged (its checksum does not match)", path);
	if (count < 1 || count > 2 ||
	    !bytes_are_zero(p + SEAL_KEY_OFF_ZERO, SEAL_KEY_OFF_STORE_ID - SEAL_KEY_OFF_ZERO) ||
	    bytes_are_zero(p + SEAL_KEY_OFF_NEXT, INK_KEY_SIZE) != (count == 1) ||
	    (count == 1 && !has_first))
		return error_set(ret_error, INK_ERR_KEY,
				 "%s holds what its format forbids; put a good copy back", path);
	if (memcmp(p + SEAL_KEY_OFF_STORE_ID, store_id, INK_STORE_ID_SIZE) != 0)
		return error_set(ret_error, INK_ERR_KEY, "%s is the key of another store", path);
	ret_file->epoch = be32_load(p + SEAL_KEY_OFF_EPOCH);
	ret_file->first = has_first ? key_from_seed(p + SEAL_KEY_OFF_FIRST) : NULL;
	ret_file->next = count == 2 ? key_from_seed(p + SEAL_KEY_OFF_NEXT) : NULL;
	if ((has_first && !ret_file->first) || (count == 2 && !ret_file->next)) {
		seal_key_file_release(ret_file);
		errno = ENOMEM;
		return error_io(ret_error, path, "cannot keep the key in locked memory");
	}
	return INK_OK;
}

enum ink_err seal_key_read(const struct io *io, const char *dir, const uint8_t *store_id,
			   struct seal_key_file *ret_file, struct ink_error *ret_error)
{
	uint8_t *bytes = NULL;
	char path[PATH_MAX];
	struct stat st;
	enum ink_err err;
	size_t size;
	int fd;

	if (snprintf(path, sizeof(path), "%s/seal.key", dir) >= (int)sizeof(path)) {
		errno = ENAMETOOLONG;
		return error_io(ret_error, dir, "path of the key file");
	}
	fd = io->open(io->ctx, path, O_RDONLY | O_NONBLOCK, 0);
	if (fd < 0)
		return error_set(ret_error, INK_ERR_KEY, "cannot open the seal key %s: %s", path,
				 errno == ELOOP ? "it is a symbolic link" : strerror(errno));
	if (io->stat(io->ctx, fd, &st) != 0)
		err = error_io(ret_error, path, "stat");
	else
		err = check_file(&st, path, false, ret_error);
	if (err == INK_OK && st.st_size != SEAL_KEY_SIZE)
		err = error_set(ret_error, INK_ERR_KEY,
				"%s is not a seal key file (%lld bytes instead of %d)", path,
				(long long)st.st_size, SEAL_KEY_SIZE);
	if (err == INK_OK) {
		bytes = sodium_malloc(SEAL_KEY_SIZE);
		if (!bytes || io_read(io, fd, bytes, SEAL_KEY_SIZE, 0, &size) != INK_OK)
			err = error_io(ret_error, path, "cannot read");
		else if (size != SEAL_KEY_SIZE)
			err = error_set(ret_error, INK_ERR_KEY, "%s is cut short", path);
		else
			err = seal_key_decode(bytes, store_id, path, ret_file, ret_error);
	}
	sodium_free(bytes);
	io_close(io, fd);
	return err;
}

/* The line that log_key_write() wrote; its name and key id are those of @vkey. */
static struct key_pair *log_key_decode(const char *line, size_t size, const char *vkey)
{
	static const char prefix[] = "PRIVATE+KEY+";
	const size_t prefix_size = sizeof(prefix) - 1;
	size_t head_size = strcspn(vkey, "+") + 10, typed_size = 0;
	uint8_t *typed = sodium_malloc(1 + INK_KEY_SIZE);
	char *again = sodium_malloc(KEY_BASE64_SIZE + 1);
	struct key_pair *key = NULL;

	if (typed && again && strlen(vkey) > head_size &&
	    size == prefix_size + head_size + KEY_BASE64_SIZE + 1 && line[size - 1] == '\n' &&
	    memcmp(line, prefix, prefix_size) == 0 &&
	    memcmp(line + prefix_size, vkey, head_size) == 0 &&
	    sodium_base642bin(typed, 1 + INK_KEY_SIZE, line + prefix_size + head_size,
			      size - prefix_size - head_size - 1, NULL, &typed_size, NULL,
			      sodium_base64_VARIANT_ORIGINAL) == 0 &&
	    typed_size == 1 + INK_KEY_SIZE && typed[0] == 0x01) {
		/* libsodium takes some bytes above 127 for characters of base64. */
		sodium_bin2base64(again, KEY_BASE64_SIZE + 1, typed, 1 + INK_KEY_SIZE,
				  sodium_base64_VARIANT_ORIGINAL);
		if (memcmp(again, line + prefix_size + head_size, KEY_BASE64_SIZE) == 0)
			key = key_from_seed(typed + 1);
	}
	sodium_free(typed);
	sodium_free(again);
	return key;
}

/* log.key in @dir; where there is none, the credential that a service manager hands over. */
static int open_log_key(const struct io *io, const char *dir, char path[static PATH_MAX],
			bool *ret_is_credential)
{
	const char *credentials = secure_getenv("CREDENTIALS_DIRECTORY");
	int fd;

	*ret_is_credential = false;
	if (snprintf(path, PATH_MAX, "%s/log.key", dir) >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = io->open(io->ctx, path, O_RDONLY | O_NONBLOCK, 0);
	if (fd >= 0 || errno != ENOENT || !credentials ||
	    strlen(credentials) + sizeof("/" LOG_KEY_CREDENTIAL) > PATH_MAX)
		return fd;
	snprintf(path, PATH_MAX, "%s/" LOG_KEY_CREDENTIAL, credentials);
	*ret_is_credential = true;
	return io->open(io->ctx, path, O_RDONLY | O_NONBLOCK, 0);
}

static enum ink_err fail_open_log_key(const char *path, struct ink_error *ret_error)
{
	return error_set(ret_error, INK_ERR_KEY, "cannot open the log key %s: %s", path,
			 errno == ELOOP ? "it is a symbolic link" : strerror(errno));
}

enum ink_err log_key_check(const struct io *io, const char *dir, struct ink_error *ret_error)
{
	char path[PATH_MAX];
	bool is_credential;
	struct stat st;
	enum ink_err err;
	int fd = open_log_key(io, dir, path, &is_credential);

	if (fd < 0)
		return errno == ENOENT ? INK_OK : fail_open_log_key(path, ret_error);
	if (io->stat(io->ctx, fd, &st) != 0)
		err = error_io(ret_error, path, "stat");
	else
		err = check_file(&st, path, is_credential, ret_error);
	io_close(io, fd);
	return err;
}

enum ink_err log_key_read(const struct io *io, const char *dir, const char *vkey,
			  struct key_pair **ret_key, struct ink_error *ret_error)
{
	enum { LINE_SIZE = 1024 };
	char path[PATH_MAX], again[INK_VKEY_SIZE], *line;
	struct key_pair *key = NULL;
	bool is_credential;
	struct stat st;
	enum ink_err err;
	size_t size = 0;
	int fd = open_log_key(io, dir, path, &is_credential);

	if (fd < 0)
		return fail_open_log_key(path, ret_error);
	line = sodium_malloc(LINE_SIZE);
	if (!line || io->stat(io->ctx, fd, &st) != 0 ||
	    io_read(io, fd, line, LINE_SIZE, 0, &size) != INK_OK)
		err = error_io(ret_error, path, "cannot read");
	else
		err = check_file(&st, path, is_credential, ret_error);
	if (err == INK_OK) {
		key = log_key_decode(line, size, vkey);
		if (key)
			vkey_format(str_of(vkey, strcspn(vkey, "+")), key->public_key, again);
		if (!key || strcmp(again, vkey) != 0)
			err = error_set(ret_error, INK_ERR_KEY, "%s is not the log key of %s", path,
					vkey);
	}
	sodium_free(line);
	io_close(io, fd);
	if (err == INK_OK)
		*ret_key = key;
	else
		key_free(key);
	return err;
}
