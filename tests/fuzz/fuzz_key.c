/* SPDX-License-Identifier: MIT */
/*
 * Key files: flags (1: log.key, else seal.key; 2: make the checksum right), then the file.
 * What is read is written again as the same bytes.
 */
#include <string.h>

#include "fuzz.h"
#include "hash.h"
#include "key.h"
#include "mem_io.h"

enum { SEAL_KEY_OFF_HASH = 112, SEAL_KEY_SIZE = 144 };

static const uint8_t store_id[INK_STORE_ID_SIZE] = "0123456789abcde";
static const char origin[] = "fuzz/00000000000000000000000000000000";

static void require_same(struct mem_io *mem, const char *name, const uint8_t *data, size_t size)
{
	const struct mem_file *file = mem_io_find(mem, name);

	FUZZ_REQUIRE(file && file->size == size && memcmp(file->data, data, size) == 0);
}

static void run_seal_key(uint8_t *data, size_t size, bool is_repaired)
{
	struct seal_key_file file = { 0 };
	struct ink_error error = { 0 };
	struct mem_io mem;
	enum ink_err err;

	if (is_repaired && size >= SEAL_KEY_SIZE)
		hash_data(data, SEAL_KEY_OFF_HASH, data + SEAL_KEY_OFF_HASH);
	mem_io_init(&mem);
	mem_io_put(&mem, "seal.key", data, size);
	err = seal_key_read(&mem.io, "keys", store_id, &file, &error);
	FUZZ_REQUIRE(err == INK_OK || (err == INK_ERR_KEY && error.text[0] && !file.first));
	if (err == INK_OK) {
		FUZZ_REQUIRE(seal_key_write(&mem.io, "again", store_id, file.epoch, file.first,
					    file.next) == INK_OK);
		require_same(&mem, "seal.key", data, size);
	}
	seal_key_file_release(&file);
	mem_io_release(&mem);
}

/* The public key of the only seed that this target takes: 32 times 'k'. */
static void fixed_vkey(char *ret_vkey)
{
	static char vkey[INK_VKEY_SIZE];
	uint8_t bytes[SEAL_KEY_SIZE] = "inkfsKEY";
	struct seal_key_file file = { 0 };
	struct ink_error error;
	struct mem_io mem;

	if (!vkey[0]) {
		bytes[11] = bytes[19] = 1;
		memcpy(bytes + 32, store_id, INK_STORE_ID_SIZE);
		memset(bytes + 48, 'k', INK_KEY_SIZE);
		hash_data(bytes, SEAL_KEY_OFF_HASH, bytes + SEAL_KEY_OFF_HASH);
		mem_io_init(&mem);
		mem_io_put(&mem, "seal.key", bytes, sizeof(bytes));
		FUZZ_REQUIRE(seal_key_read(&mem.io, "keys", store_id, &file, &error) == INK_OK);
		vkey_format(str_of(origin, sizeof(origin)), file.first->public_key, vkey);
		seal_key_file_release(&file);
		mem_io_release(&mem);
	}
	memcpy(ret_vkey, vkey, INK_VKEY_SIZE);
}

static void run_log_key(const uint8_t *data, size_t size)
{
	struct ink_error error = { 0 };
	struct key_pair *key = NULL;
	char vkey[INK_VKEY_SIZE];
	struct mem_io mem;
	enum ink_err err;

	fixed_vkey(vkey);
	mem_io_init(&mem);
	mem_io_put(&mem, "log.key", data, size);
	err = log_key_read(&mem.io, "keys", vkey, &key, &error);
	FUZZ_REQUIRE(err == INK_OK || (err == INK_ERR_KEY && error.text[0] && !key));
	mem_io_release(&mem);
	if (err != INK_OK)
		return;
	mem_io_init(&mem);
	FUZZ_REQUIRE(log_key_write(&mem.io, "keys", origin, key) == INK_OK);
	require_same(&mem, "log.key", data, size);
	key_free(key);
	mem_io_release(&mem);
}

static void run(const uint8_t *data, size_t size)
{
	uint8_t *copy;

	if (size == 0)
		return;
	copy = fuzz_copy(data + 1, size - 1);
	if (data[0] & 1)
		run_log_key(copy, size - 1);
	else
		run_seal_key(copy, size - 1, data[0] & 2);
	free(copy);
}

const struct fuzz_target fuzz_key = { "key", run, 1100 };
