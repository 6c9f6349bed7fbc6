/* SPDX-License-Identifier: MIT */
#include "intruder.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "frame.h"
#include "hash.h"
#include "merkle.h"
#include "scratch.h"
#include "vkey.h"

enum {
	SEAL_KEY_OFF_EPOCH = 12,
	SEAL_KEY_OFF_COUNT = 16,
	SEAL_KEY_OFF_SEED = 48,
	SEAL_OFF_REASON = 4,
	SEAL_OFF_TREE = 8,
	SEAL_OFF_ROOT = 16,
	SEAL_OFF_NEXT = 56,
	EPOCHS_MAX = 64,
	INODES_MAX = 4096,
};

static void must(bool is_so, const char *what)
{
	if (is_so)
		return;
	fprintf(stderr, "intruder: %s\n", what);
	abort();
}

static void segment_path(const struct intruder *x, uint32_t segment, char *ret_path)
{
	char name[64];

	snprintf(name, sizeof(name), "log/%010u.seg", segment);
	scratch_path(x->store, name, ret_path);
}

/* --- reading --------------------------------------------------------------------------------- */

uint8_t *intruder_header(const struct intruder *x, size_t n)
{
	must(n < x->count, "no such record");
	return x->records[n].frame + FRAME_OFF_HEADER;
}

uint8_t *intruder_body(const struct intruder *x, size_t n)
{
	must(n < x->count, "no such record");
	return x->records[n].frame + FRAME_OFF_BODY;
}

uint8_t intruder_kind(const struct intruder *x, size_t n)
{
	return intruder_header(x, n)[HEADER_OFF_KIND];
}

uint32_t intruder_body_size(const struct intruder *x, size_t n)
{
	return be32_load(intruder_header(x, n) + HEADER_OFF_BODY_SIZE);
}

static void put_record(struct intruder *x, size_t at, const uint8_t *frame, size_t size,
		       uint32_t segment)
{
	if (x->count == x->room) {
		x->room = x->room ? x->room * 2 : 256;
		x->records = realloc(x->records, x->room * sizeof(x->records[0]));
		must(x->records, "memory");
	}
	memmove(&x->records[at + 1], &x->records[at], (x->count - at) * sizeof(x->records[0]));
	x->records[at] = (struct intruder_record){ malloc(size), size, segment };
	must(x->records[at].frame, "memory");
	memcpy(x->records[at].frame, frame, size);
	x->count++;
}

static bool read_segment(struct intruder *x, uint32_t segment)
{
	char path[PATH_MAX];
	size_t size, at = SEGMENT_HEADER_SIZE;
	uint8_t *data;

	segment_path(x, segment, path);
	if (!file_exists(path))
		return false;
	data = file_read(path, &size);
	if (segment == 0)
		memcpy(x->store_id, data + SEGMENT_OFF_STORE_ID, INK_STORE_ID_SIZE);
	while (at + FRAME_OFF_BODY <= size && memcmp(data + at, FRAME_MAGIC, 4) == 0) {
		uint32_t body = be32_load(data + at + FRAME_OFF_HEADER + HEADER_OFF_BODY_SIZE);

		if (at + frame_size(body) > size)
			break;
		put_record(x, x->count, data + at, (size_t)frame_size(body), segment);
		at += (size_t)frame_size(body);
	}
	free(data);
	return true;
}

static void read_keys(struct intruder *x)
{
	char path[PATH_MAX];
	uint8_t *data, typed[33];
	size_t size;

	scratch_path(x->store, "keys/log.key", path);
	if (file_exists(path)) {
		data = file_read(path, &size);
		must(size > 45 && sodium_base642bin(typed, sizeof(typed), (char *)data + size - 45,
						    44, NULL, &size, NULL,
						    sodium_base64_VARIANT_ORIGINAL) == 0,
		     "log.key");
		crypto_sign_seed_keypair(x->log_public, x->log_secret, typed + 1);
		x->has_log_key = true;
		free(data);
	}
	scratch_path(x->store, "keys/seal.key", path);
	if (file_exists(path)) {
		size_t at = SEAL_KEY_OFF_SEED;

		data = file_read(path, &size);
		/* Between the two steps of a change the newer one is in force already. */
		if (be32_load(data + SEAL_KEY_OFF_EPOCH) < x->epoch_now)
			at += INK_KEY_SIZE;
		crypto_sign_seed_keypair(x->seal_public, x->seal_secret, data + at);
		x->has_seal_key = true;
		free(data);
	}
}

void intruder_init(struct intruder *x, const char *store)
{
	memset(x, 0, sizeof(*x));
	must(vkey_setup(), "libsodium");
	snprintf(x->store, sizeof(x->store), "%s", store);
	for (uint32_t segment = 0; read_segment(x, segment); segment++)
		;
	for (size_t n = 0; n < x->count; n++)
		if (intruder_kind(x, n) == INK_EPOCH || intruder_kind(x, n) == INK_REKEY)
			x->epoch_now = be32_load(intruder_body(x, n));
	read_keys(x);
}

void intruder_release(struct intruder *x)
{
	intruder_cut(x, 0);
	free(x->records);
	memset(x, 0, sizeof(*x));
}

/* --- finding and moving ---------------------------------------------------------------------- */

size_t intruder_find(const struct intruder *x, uint8_t kind, size_t from)
{
	while (from < x->count && intruder_kind(x, from) != kind)
		from++;
	must(from < x->count, "no record of that kind");
	return from;
}

size_t intruder_find_last(const struct intruder *x, uint8_t kind)
{
	size_t n = x->count;

	while (n > 0 && intruder_kind(x, n - 1) != kind)
		n--;
	must(n > 0, "no record of that kind");
	return n - 1;
}

size_t intruder_find_line(const struct intruder *x, const char *text, size_t from)
{
	while (from < x->count && (intruder_kind(x, from) != INK_APPEND ||
				   intruder_body_size(x, from) < strlen(text) ||
				   memcmp(intruder_body(x, from), text, strlen(text)) != 0))
		from++;
	must(from < x->count, "no such line");
	return from;
}

/* Records name their ACTOR by its number, which moves with all from @from on. */
static void move_actors(struct intruder *x, size_t from, int64_t by)
{
	for (size_t n = from; n < x->count; n++) {
		uint8_t *actor = intruder_header(x, n) + HEADER_OFF_ACTOR;

		if (be64_load(actor) >= from && be64_load(actor) != 0)
			be64_store(actor, be64_load(actor) + (uint64_t)by);
	}
}

void intruder_remove(struct intruder *x, size_t n)
{
	must(n < x->count, "no such record");
	move_actors(x, n + 1, -1);
	free(x->records[n].frame);
	x->count--;
	memmove(&x->records[n], &x->records[n + 1], (x->count - n) * sizeof(x->records[0]));
}

void intruder_cut(struct intruder *x, size_t count)
{
	while (x->count > count)
		intruder_remove(x, x->count - 1);
}

void intruder_insert(struct intruder *x, size_t at, const struct intruder *from, size_t n)
{
	struct intruder_record record = from->records[n];
	uint8_t *frame = malloc(record.size);

	must(frame && at <= x->count && at > 0, "insert");
	memcpy(frame, record.frame, record.size); /* @from may be @x */
	move_actors(x, at, 1);
	put_record(x, at, frame, record.size, x->records[at - 1].segment);
	free(frame);
}

void intruder_add(struct intruder *x, const uint8_t *frame, size_t size)
{
	put_record(x, x->count, frame, size, x->records[x->count - 1].segment);
}

void intruder_swap(struct intruder *x, size_t a, size_t b)
{
	struct intruder_record kept = x->records[a];
	uint32_t segment = kept.segment;

	x->records[a] = x->records[b];
	kept.segment = x->records[b].segment;
	x->records[a].segment = segment;
	x->records[b] = kept;
}

/* --- forging --------------------------------------------------------------------------------- */

void intruder_sign(struct intruder *x, size_t n, unsigned which, const uint8_t *secret,
		   const char *domain)
{
	uint8_t kind = intruder_kind(x, n), message[SIGNED_SIZE_MAX];
	size_t size = intruder_body_size(x, n) - body_signature_size(kind);
	size_t message_size = signed_message(
		domain ? domain : body_domain(kind), intruder_header(x, n),
		x->records[n].frame + FRAME_OFF_NONCE, intruder_body(x, n), size, message);

	must(message_size > 0, "nothing to sign");
	crypto_sign_detached(intruder_body(x, n) + size + (size_t)which * INK_SIGNATURE_SIZE, NULL,
			     message, message_size, secret);
}

void intruder_hash(struct intruder *x, size_t n)
{
	uint8_t *frame = x->records[n].frame, *header = frame + FRAME_OFF_HEADER;
	uint8_t leaf[INK_HASH_SIZE];

	hash_data(frame + FRAME_OFF_NONCE, INK_NONCE_SIZE + intruder_body_size(x, n),
		  header + HEADER_OFF_DIGEST);
	hash_leaf(header, HEADER_SIZE, leaf);
	memcpy(frame + FRAME_OFF_CHECK, leaf, FRAME_CHECK_SIZE);
}

struct counts {
	uint64_t sizes[INODES_MAX]; /* of files */
	uint64_t session_seq, session_bytes;
	uint64_t last_seal_seq;
};

/* What other records have to say of those before them. */
static void fix_counts(struct intruder *x, size_t n, bool is_ours, struct counts *counts)
{
	uint8_t *header = intruder_header(x, n), *body = intruder_body(x, n);
	uint64_t inode = be64_load(header + HEADER_OFF_INODE);

	switch (intruder_kind(x, n)) {
	case INK_MOUNT:
		counts->session_seq = n;
		counts->session_bytes = 0;
		break;
	case INK_APPEND:
		must(inode < INODES_MAX, "more files than counted");
		if (is_ours)
			be64_store(header + HEADER_OFF_OFFSET, counts->sizes[inode]);
		counts->sizes[inode] += intruder_body_size(x, n);
		counts->session_bytes += intruder_body_size(x, n);
		break;
	case INK_UNMOUNT:
		if (!is_ours)
			break;
		be64_store(body + 8, n - counts->session_seq);
		be64_store(body + 16, counts->session_bytes);
		break;
	case INK_RECOVERY:
		if (is_ours)
			be64_store(body + 16, n - 1 - counts->last_seal_seq);
		break;
	default: break;
	}
}

static bool is_seal(uint8_t kind)
{
	return kind == INK_SEAL || kind == INK_EPOCH || kind == INK_REKEY;
}

static void fix_seal(struct intruder *x, size_t n, const struct merkle *tree, uint32_t epoch,
		     enum intruder_signs signs)
{
	uint8_t *body = intruder_body(x, n);
	bool is_signed =
		x->has_seal_key && (signs == INTRUDER_SIGNS_ALL ||
				    (signs == INTRUDER_SIGNS_OWN && epoch == x->epoch_now));

	be64_store(body + SEAL_OFF_TREE, n);
	merkle_root(tree, body + SEAL_OFF_ROOT);
	if (is_signed)
		intruder_sign(x, n, 0, x->seal_secret, NULL);
	if (is_signed && intruder_kind(x, n) == INK_EPOCH &&
	    memcmp(body + SEAL_OFF_NEXT, x->seal_public, INK_KEY_SIZE) == 0)
		intruder_sign(x, n, 1, x->seal_secret, NULL);
}

void intruder_forge(struct intruder *x, size_t from, enum intruder_signs signs)
{
	struct counts *counts = calloc(1, sizeof(*counts));
	uint8_t leaf[INK_HASH_SIZE] = { 0 };
	struct merkle tree;
	uint32_t epoch = 0;

	must(counts, "memory");
	merkle_init(&tree);
	for (size_t n = 0; n < x->count; n++) {
		uint8_t *header = intruder_header(x, n), kind = intruder_kind(x, n);

		if (n >= from) {
			be64_store(header + HEADER_OFF_SEQ, n);
			memcpy(header + HEADER_OFF_PREV, leaf, INK_HASH_SIZE);
		}
		fix_counts(x, n, n >= from, counts);
		if (n >= from && is_seal(kind))
			fix_seal(x, n, &tree, epoch, signs);
		if (kind == INK_EPOCH || kind == INK_REKEY)
			epoch = be32_load(intruder_body(x, n));
		if (is_seal(kind))
			counts->last_seal_seq = n;
		if (n >= from)
			intruder_hash(x, n);
		hash_leaf(header, HEADER_SIZE, leaf);
		merkle_append(&tree, leaf);
	}
	free(counts);
}

void intruder_rekey(struct intruder *x, const uint8_t *log_secret)
{
	uint8_t public_key[INK_KEY_SIZE], secret[64], *body;
	size_t n = x->count;
	uint32_t epoch = 0;

	for (size_t i = 0; i < n; i++)
		if (intruder_kind(x, i) == INK_EPOCH || intruder_kind(x, i) == INK_REKEY)
			epoch = be32_load(intruder_body(x, i));
	crypto_sign_keypair(public_key, secret);
	intruder_insert(x, n, x, intruder_find(x, INK_EPOCH, 0));
	intruder_header(x, n)[HEADER_OFF_KIND] = INK_REKEY;
	body = intruder_body(x, n);
	be32_store(body, epoch + 1);
	body[SEAL_OFF_REASON] = INK_SEAL_REKEY;
	memcpy(body + SEAL_OFF_NEXT, public_key, INK_KEY_SIZE);
	intruder_forge(x, n, INTRUDER_SIGNS_NOTHING);
	intruder_sign(x, n, 0, log_secret, NULL);
	intruder_sign(x, n, 1, secret, NULL);
	intruder_hash(x, n);
}

/* --- writing --------------------------------------------------------------------------------- */

static void write_segment(struct intruder *x, uint32_t segment, size_t first, size_t end)
{
	uint8_t leaf[INK_HASH_SIZE] = { 0 }, *data;
	size_t size = SEGMENT_HEADER_SIZE;
	char path[PATH_MAX];

	for (size_t n = first; n < end; n++)
		size += x->records[n].size;
	data = malloc(size);
	must(data, "memory");
	if (first > 0)
		hash_leaf(intruder_header(x, first - 1), HEADER_SIZE, leaf);
	segment_header_encode(segment, first, x->store_id, leaf, data);
	size = SEGMENT_HEADER_SIZE;
	for (size_t n = first; n < end; n++) {
		memcpy(data + size, x->records[n].frame, x->records[n].size);
		size += x->records[n].size;
	}
	segment_path(x, segment, path);
	file_write(path, data, size);
	free(data);
}

void intruder_write(struct intruder *x)
{
	struct ink_error error;
	char path[PATH_MAX];
	uint32_t segment = 0;
	size_t n = 0;

	do {
		size_t first = n;

		while (n < x->count && x->records[n].segment == segment)
			n++;
		write_segment(x, segment++, first, n);
	} while (n < x->count);
	for (segment_path(x, segment, path); file_exists(path); segment_path(x, ++segment, path))
		unlink(path);
	scratch_path(x->store, "index", path);
	tree_remove(path);
	/* Refused where the forgery is found; then the store is shown without one. */
	if (ink_store_reindex(x->store, &error) != INK_OK)
		tree_remove(path);
}

/* --- another store --------------------------------------------------------------------------- */

static void found_genesis(struct intruder *x, const uint8_t *log_public, const uint8_t *seal_public,
			  char *ret_vkey)
{
	uint8_t *body = intruder_body(x, 0);
	char origin[ORIGIN_SIZE_MAX + 1], name[ORIGIN_NAME_SIZE_MAX + 1];
	size_t size = (size_t)body[104] << 8 | body[105];

	memcpy(name, body + 106, size - ORIGIN_HEX_SIZE - 1);
	name[size - ORIGIN_HEX_SIZE - 1] = 0;
	memcpy(body + 32, log_public, INK_KEY_SIZE);
	memcpy(body + 64, seal_public, INK_KEY_SIZE);
	origin_make(name, x->store_id, seal_public, origin);
	memcpy(body + 106, origin, size);
	vkey_format(str_of(origin, strlen(origin)), log_public, ret_vkey);
}

void intruder_found_anew(struct intruder *x, char ret_vkey[static INK_VKEY_SIZE])
{
	static uint8_t publics[EPOCHS_MAX][INK_KEY_SIZE], secrets[EPOCHS_MAX][64];
	uint8_t leaf[INK_HASH_SIZE];
	struct merkle tree;
	char path[PATH_MAX];
	unsigned epoch = 0;

	for (unsigned i = 0; i < EPOCHS_MAX; i++)
		crypto_sign_keypair(publics[i], secrets[i]);
	crypto_sign_keypair(x->log_public, x->log_secret);
	found_genesis(x, x->log_public, publics[0], ret_vkey);
	intruder_sign(x, 0, 0, x->log_secret, NULL);
	intruder_sign(x, 0, 1, secrets[0], NULL);
	intruder_forge(x, 0, INTRUDER_SIGNS_NOTHING);
	merkle_init(&tree);
	for (size_t n = 0; n < x->count; n++) {
		uint8_t kind = intruder_kind(x, n), *body = intruder_body(x, n);

		if (n > 0)
			memcpy(intruder_header(x, n) + HEADER_OFF_PREV, leaf, INK_HASH_SIZE);
		if (is_seal(kind))
			merkle_root(&tree, body + SEAL_OFF_ROOT);
		if (kind == INK_EPOCH) {
			must(epoch + 1 < EPOCHS_MAX, "epochs");
			memcpy(body + SEAL_OFF_NEXT, publics[epoch + 1], INK_KEY_SIZE);
			intruder_sign(x, n, 1, secrets[epoch + 1], NULL);
		}
		if (is_seal(kind))
			intruder_sign(x, n, 0, secrets[epoch], NULL);
		epoch += kind == INK_EPOCH;
		intruder_hash(x, n);
		hash_leaf(intruder_header(x, n), HEADER_SIZE, leaf);
		merkle_append(&tree, leaf);
	}
	scratch_path(x->store, "keys", path);
	tree_remove(path);
	scratch_path(x->store, "vkey", path);
	unlink(path);
	intruder_write(x);
}
