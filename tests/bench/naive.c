/* SPDX-License-Identifier: MIT */
/*
 * The naive design of a signed log, without a file system: each record is put into LMDB by itself,
 * with its own Ed25519 signature over it and the one before, in a transaction that is synced.
 *
 *   naive --dir DIR --size BYTES --count N
 *
 * Same guarantees at the end of a record as a write on O_DSYNC here: signed, chained and on the disk.
 */
#include "measure.h"

#include <errno.h>
#include <getopt.h>
#include <lmdb.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAP_SIZE ((size_t)1 << 30)
#define VALUE_SIZE_MAX 4096

struct naive {
	MDB_env *env;
	MDB_dbi db;
	uint8_t secret[crypto_sign_SECRETKEYBYTES];
	uint8_t last[crypto_hash_sha256_BYTES]; /* of the record before */
};

static void must(int code, const char *what)
{
	if (code == 0)
		return;
	fprintf(stderr, "naive: %s: %s\n", what, mdb_strerror(code));
	exit(3);
}

static void naive_open(struct naive *naive, const char *dir)
{
	uint8_t public_key[crypto_sign_PUBLICKEYBYTES];
	MDB_txn *txn;

	*naive = (struct naive){ .env = NULL };
	if (sodium_init() < 0)
		die("sodium_init");
	crypto_sign_keypair(public_key, naive->secret);
	must(mdb_env_create(&naive->env), "mdb_env_create");
	must(mdb_env_set_mapsize(naive->env, MAP_SIZE), "mdb_env_set_mapsize");
	must(mdb_env_open(naive->env, dir, 0, 0600), dir);
	must(mdb_txn_begin(naive->env, NULL, 0, &txn), "mdb_txn_begin");
	must(mdb_dbi_open(txn, NULL, 0, &naive->db), "mdb_dbi_open");
	must(mdb_txn_commit(txn), "mdb_txn_commit");
}

/* Digest of the one before, signature, bytes. */
static void naive_append(struct naive *naive, uint64_t seq, const char *bytes, size_t size)
{
	enum { OFF_SIGNATURE = sizeof(naive->last), OFF_BYTES = OFF_SIGNATURE + crypto_sign_BYTES };
	uint8_t value[OFF_BYTES + VALUE_SIZE_MAX], key_bytes[8];
	MDB_val key = { sizeof(key_bytes), key_bytes };
	MDB_val data = { OFF_BYTES + size, value };
	crypto_hash_sha256_state hash;
	MDB_txn *txn;

	for (int i = 0; i < 8; i++)
		key_bytes[i] = (uint8_t)(seq >> (56 - 8 * i));
	memcpy(value, naive->last, sizeof(naive->last));
	memcpy(value + OFF_BYTES, bytes, size);
	crypto_hash_sha256_init(&hash);
	crypto_hash_sha256_update(&hash, value, sizeof(naive->last));
	crypto_hash_sha256_update(&hash, value + OFF_BYTES, size);
	crypto_hash_sha256_final(&hash, naive->last);
	crypto_sign_detached(value + OFF_SIGNATURE, NULL, naive->last, sizeof(naive->last),
			     naive->secret);
	must(mdb_txn_begin(naive->env, NULL, 0, &txn), "mdb_txn_begin");
	must(mdb_put(txn, naive->db, &key, &data, MDB_APPEND), "mdb_put");
	must(mdb_txn_commit(txn), "mdb_txn_commit");
}

static int usage(void)
{
	fputs("usage: naive --dir DIR --size BYTES --count N\n", stderr);
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "dir", required_argument, NULL, 'd' },
		{ "size", required_argument, NULL, 's' },
		{ "count", required_argument, NULL, 'n' },
		{ NULL, 0, NULL, 0 },
	};
	static struct histogram latencies;
	const char *dir = NULL;
	char bytes[VALUE_SIZE_MAX];
	uint64_t count = 0, start_ns;
	struct naive naive;
	size_t size = 0;
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'd': dir = optarg; break;
		case 's': size = strtoull(optarg, NULL, 10); break;
		case 'n': count = strtoull(optarg, NULL, 10); break;
		default: return usage();
		}
	}
	if (optind != argc || !dir || count == 0 || size == 0 || size > sizeof(bytes))
		return usage();
	fill_text(bytes, size, 0);
	naive_open(&naive, dir);
	start_ns = now_ns();
	for (uint64_t seq = 0; seq < count; seq++) {
		uint64_t before_ns = now_ns();

		naive_append(&naive, seq, bytes, size);
		histogram_add(&latencies, now_ns() - before_ns);
	}
	fputs("{\"mode\": \"naive\", ", stdout);
	measure_print(&latencies, 1, count * size, (double)(now_ns() - start_ns));
	puts("}");
	mdb_env_close(naive.env);
	return 0;
}
