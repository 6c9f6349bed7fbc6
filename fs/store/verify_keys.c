/* SPDX-License-Identifier: MIT */
/*
 * The copies of keys in the folder.  None of them is needed to verify; one that does not fit the log says that
 * something was exchanged, or cut.
 */
#include "verify_private.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>

#include "hash.h"

enum {
	SEAL_KEY_OFF_VERSION = 8,
	SEAL_KEY_OFF_EPOCH = 12,
	SEAL_KEY_OFF_COUNT = 16,
	SEAL_KEY_OFF_ZERO = 20,
	SEAL_KEY_OFF_STORE_ID = 32,
	SEAL_KEY_OFF_NEXT = 80,
	SEAL_KEY_OFF_HASH = 112,
	SEAL_KEY_OFF_SEED = 48,
	LOG_KEY_BASE64_SIZE = 44,
	SMALL_FILE_SIZE = 1024,
};

/* RFC 8032 5.1.5: the public key of a seed.  Nothing is signed here. */
static bool is_seed_of(const uint8_t *seed, const uint8_t *public_key)
{
	uint8_t hash[crypto_hash_sha512_BYTES], own[INK_KEY_SIZE];
	bool is_same;

	crypto_hash_sha512(hash, seed, INK_KEY_SIZE);
	is_same = crypto_scalarmult_ed25519_base(own, hash) == 0 &&
		  memcmp(own, public_key, INK_KEY_SIZE) == 0;
	sodium_memzero(hash, sizeof(hash));
	return is_same;
}

/*
 * Read a small file; @ret_size 0 and INK_ERR_NOT_FOUND if there is none, or none that this user may read, or no
 * regular one (told elsewhere).
 */
static enum ink_err read_small(struct verify *v, const char *name, uint8_t *buf, size_t *ret_size,
			       mode_t *ret_mode)
{
	char *path = verify_join(v, name);
	struct stat status;
	enum ink_err err;
	int fd;

	if (!path)
		return verify_io_error(v, name);
	fd = v->io->open(v->io->ctx, path, O_RDONLY | O_NONBLOCK, 0);
	free(path);
	if (fd < 0)
		return errno == EIO ? verify_io_error(v, name) : INK_ERR_NOT_FOUND;
	if (v->io->stat(v->io->ctx, fd, &status) != 0 || !S_ISREG(status.st_mode)) {
		io_close(v->io, fd);
		return INK_ERR_NOT_FOUND;
	}
	*ret_mode = status.st_mode;
	err = io_read(v->io, fd, buf, SMALL_FILE_SIZE, 0, ret_size);
	io_close(v->io, fd);
	return err == INK_OK ? INK_OK : verify_io_error(v, name);
}

static enum ink_err check_vkey_file(struct verify *v)
{
	uint8_t line[SMALL_FILE_SIZE];
	size_t size = 0, wanted = strlen(v->chain.vkey);
	mode_t mode = 0;
	enum ink_err err = read_small(v, "vkey", line, &size, &mode);

	if (err == INK_ERR_NOT_FOUND)
		return INK_OK;
	if (err == INK_OK && (size != wanted + 1 || memcmp(line, v->chain.vkey, wanted) != 0 ||
			      line[wanted] != '\n'))
		report_file(v, INK_FIND_VKEY_FILE, "vkey",
			    "not the verification key that GENESIS says");
	return err;
}

static void check_mode(struct verify *v, const char *name, mode_t mode)
{
	if (mode & 077)
		note_record(v, INK_FIND_KEY_FILE, NULL,
			    "%s: a secret that others than its owner may read (mode %04o)", name,
			    (unsigned)(mode & 07777));
}

static bool is_log_seed(struct verify *v, const char *base64)
{
	uint8_t typed[1 + INK_KEY_SIZE];
	char again[LOG_KEY_BASE64_SIZE + 1];
	size_t size = 0;
	bool is_right = sodium_base642bin(typed, sizeof(typed), base64, LOG_KEY_BASE64_SIZE, NULL,
					  &size, NULL, sodium_base64_VARIANT_ORIGINAL) == 0 &&
			size == sizeof(typed) && typed[0] == 0x01 &&
			is_seed_of(typed + 1, v->chain.log_key);

	/* libsodium takes some bytes above 127 for characters of base64. */
	if (is_right)
		sodium_bin2base64(again, sizeof(again), typed, sizeof(typed),
				  sodium_base64_VARIANT_ORIGINAL);
	is_right = is_right && memcmp(again, base64, LOG_KEY_BASE64_SIZE) == 0;
	sodium_memzero(typed, sizeof(typed));
	sodium_memzero(again, sizeof(again));
	return is_right;
}

/* PRIVATE+KEY+origin+hhhhhhhh+base64; origin and key id are those of the vkey. */
static enum ink_err check_log_key(struct verify *v)
{
	static const char prefix[] = "PRIVATE+KEY+";
	const size_t prefix_size = sizeof(prefix) - 1;
	size_t head_size = 0, size = 0;
	uint8_t line[SMALL_FILE_SIZE] = { 0 };
	mode_t mode = 0;
	enum ink_err err = read_small(v, "keys/log.key", line, &size, &mode);

	if (err != INK_OK)
		return err == INK_ERR_NOT_FOUND ? INK_OK : err;
	check_mode(v, "keys/log.key", mode);
	/* No '+' in an origin: the key begins behind the second one. */
	head_size = strcspn(v->chain.vkey, "+") + 10;
	if (size != prefix_size + head_size + LOG_KEY_BASE64_SIZE + 1 || line[size - 1] != '\n' ||
	    memcmp(line, prefix, prefix_size) != 0 ||
	    memcmp(line + prefix_size, v->chain.vkey, head_size) != 0 ||
	    !is_log_seed(v, (const char *)line + prefix_size + head_size))
		report_file(v, INK_FIND_KEY_FILE, "keys/log.key",
			    "damaged, or the key of another store");
	sodium_memzero(line, sizeof(line));
	return INK_OK;
}

static bool seal_key_is_sound(const uint8_t *p, size_t size)
{
	uint8_t hash[INK_HASH_SIZE];
	uint32_t count;

	if (size != SEAL_KEY_FILE_SIZE || memcmp(p, "inkfsKEY", 8) != 0)
		return false;
	hash_data(p, SEAL_KEY_OFF_HASH, hash);
	count = be32_load(p + SEAL_KEY_OFF_COUNT);
	return memcmp(hash, p + SEAL_KEY_OFF_HASH, INK_HASH_SIZE) == 0 &&
	       be32_load(p + SEAL_KEY_OFF_VERSION) == FORMAT_VERSION &&
	       (count == 1 || count == 2) &&
	       bytes_are_zero(p + SEAL_KEY_OFF_ZERO, SEAL_KEY_OFF_STORE_ID - SEAL_KEY_OFF_ZERO) &&
	       bytes_are_zero(p + SEAL_KEY_OFF_NEXT, INK_KEY_SIZE) == (count == 1) &&
	       (count == 2 || !bytes_are_zero(p + SEAL_KEY_OFF_SEED, INK_KEY_SIZE));
}

/*
 * The seed of a later epoch is written over that of an earlier one only after the log that names it was synced: a key
 * of an epoch that the log does not reach means that the log was longer.
 */
static void check_epochs(struct verify *v, const uint8_t *p)
{
	const char *path = "keys/seal.key";
	uint32_t epoch = be32_load(p + SEAL_KEY_OFF_EPOCH), now = v->chain.epoch;
	uint32_t count = be32_load(p + SEAL_KEY_OFF_COUNT);
	const uint8_t *seed = p + (epoch == now ? SEAL_KEY_OFF_SEED : SEAL_KEY_OFF_NEXT);

	if (epoch > now)
		report_file(
			v, INK_FIND_INDEX_AHEAD, path,
			"holds the key of epoch %u, but the log ends in epoch %u: its end was cut off",
			epoch, now);
	else if (now - epoch >= count)
		note_record(v, INK_FIND_KEY_FILE, NULL,
			    "%s: older than the log (epoch %u, the log ends in epoch %u)", path,
			    epoch, now);
	else if (epoch == now && bytes_are_zero(seed, INK_KEY_SIZE))
		note_record(v, INK_FIND_KEY_FILE, NULL,
			    "%s: a rekey was begun and not brought to its end", path);
	else if (v->chain.is_key_known && !is_seed_of(seed, v->chain.seal_key))
		report_file(v, INK_FIND_KEY_FILE, path, "not the key of the log's last epoch");
}

static enum ink_err check_seal_key(struct verify *v)
{
	const char *path = "keys/seal.key";
	uint8_t p[SMALL_FILE_SIZE] = { 0 };
	size_t size = 0;
	mode_t mode = 0;
	enum ink_err err = read_small(v, path, p, &size, &mode);

	if (err != INK_OK)
		return err == INK_ERR_NOT_FOUND ? INK_OK : err;
	check_mode(v, path, mode);
	/* Whoever opens the store changes this file: it may be of a later epoch than what was read of the log. */
	if (change_has_ended(v) || v->is_live)
		v->was_written = true;
	else if (!seal_key_is_sound(p, size))
		report_file(v, INK_FIND_KEY_FILE, path, "damaged");
	else if (memcmp(p + SEAL_KEY_OFF_STORE_ID, v->chain.store_id, INK_STORE_ID_SIZE) != 0)
		report_file(v, INK_FIND_KEY_FILE, path, "the key of another store");
	else if (v->chain.is_state_known && (!v->has_fault || v->is_torn))
		check_epochs(v, p);
	sodium_memzero(p, sizeof(p));
	return INK_OK;
}

enum ink_err keys_check(struct verify *v)
{
	enum ink_err err;

	if (!v->chain.has_genesis)
		return INK_OK;
	err = check_vkey_file(v);
	if (err == INK_OK && !v->is_live)
		err = check_log_key(v);
	if (err == INK_OK && !v->is_live)
		err = check_seal_key(v);
	return err;
}
