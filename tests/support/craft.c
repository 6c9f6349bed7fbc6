/* SPDX-License-Identifier: MIT */
#include "craft.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "frame.h"
#include "hash.h"
#include "note.h"
#include "scratch.h"
#include "seal.h"

#define WALL_NS INT64_C(1700000000000000000)

static void must(bool is_so, const char *what)
{
	if (is_so)
		return;
	fprintf(stderr, "craft: %s\n", what);
	abort();
}

/* --- bytes ----------------------------------------------------------------------------------- */

void craft_noise(struct craft *c, const void *data, size_t size)
{
	unsigned n = c->segment_count - 1;

	if (c->sizes[n] + size > c->rooms[n]) {
		c->rooms[n] = 2 * (c->sizes[n] + size);
		c->segments[n] = realloc(c->segments[n], c->rooms[n]);
		must(c->segments[n], "memory");
	}
	if (size > 0)
		memcpy(c->segments[n] + c->sizes[n], data, size);
	c->sizes[n] += size;
}

void craft_rotate(struct craft *c)
{
	uint8_t header[SEGMENT_HEADER_SIZE];

	must(c->segment_count < CRAFT_SEGMENTS_MAX, "too many segments");
	segment_header_encode(c->segment_count++, c->tree.size, c->store_id, c->last_leaf, header);
	craft_noise(c, header, sizeof(header));
}

static void add_frame(struct craft *c, const struct ink_header *header, const uint8_t *nonce,
		      const uint8_t *body)
{
	static const uint8_t zeros[FRAME_ALIGN];
	size_t size = frame_size(header->body_size);
	struct frame_head head;

	frame_encode(header, nonce, &head);
	craft_noise(c, head.bytes, sizeof(head.bytes));
	craft_noise(c, body, header->body_size);
	craft_noise(c, zeros, size - sizeof(head.bytes) - header->body_size);
	memcpy(c->last_leaf, head.leaf, INK_HASH_SIZE);
	merkle_append(&c->tree, head.leaf);
}

static struct ink_header header_for(const struct craft *c, const struct ink_header *given,
				    uint32_t body_size)
{
	struct ink_header h = *given;

	h.body_size = body_size;
	h.seq = c->tree.size;
	h.wall_ns = WALL_NS + (int64_t)h.seq * CRAFT_STEP_NS;
	h.boot_ns = h.seq * CRAFT_STEP_NS + c->boot_shift_ns;
	memcpy(h.prev, c->last_leaf, INK_HASH_SIZE);
	return h;
}

/* Not zero, which would be an erased body; else of no account. */
static void nonce_for(const struct craft *c, uint8_t nonce[static INK_NONCE_SIZE])
{
	memset(nonce, 0x11, INK_NONCE_SIZE);
	be64_store(nonce, c->tree.size);
}

uint64_t craft_bytes(struct craft *c, const struct ink_header *header, const void *body,
		     size_t size)
{
	struct ink_header h = header_for(c, header, (uint32_t)size);
	uint8_t nonce[INK_NONCE_SIZE];

	nonce_for(c, nonce);
	hash_two(nonce, sizeof(nonce), body, size, h.digest);
	add_frame(c, &h, nonce, body);
	return h.seq;
}

uint64_t craft_record(struct craft *c, const struct ink_header *header, const union ink_body *body)
{
	static uint8_t bytes[INK_BODY_SIZE_MAX];
	struct put put;

	put_init(&put, bytes, sizeof(bytes));
	body_encode(header->kind, body, &put);
	must(!put.is_full, "body");
	return craft_bytes(c, header, bytes, put.size);
}

uint64_t craft_signed(struct craft *c, uint8_t kind, const union ink_body *body,
		      const struct key_pair *first, const struct key_pair *second)
{
	struct ink_header given = { .kind = kind, .inode = kind == INK_GENESIS };
	struct ink_header h = header_for(c, &given, seal_body_size(kind, body));
	uint8_t nonce[INK_NONCE_SIZE], bytes[SEALED_BODY_SIZE_MAX];

	nonce_for(c, nonce);
	must(seal_sign(&h, nonce, body, first, second, false, bytes) == INK_OK, "sign");
	add_frame(c, &h, nonce, bytes);
	return h.seq;
}

uint8_t *craft_frame(struct craft *c, uint64_t seq, size_t *ret_size)
{
	for (unsigned n = 0; n < c->segment_count; n++) {
		for (size_t at = SEGMENT_HEADER_SIZE; at < c->sizes[n];) {
			uint8_t *frame = c->segments[n] + at, *header = frame + FRAME_OFF_HEADER;

			*ret_size = frame_size(be32_load(header + HEADER_OFF_BODY_SIZE));
			if (be64_load(header + HEADER_OFF_SEQ) == seq)
				return frame;
			at += *ret_size;
		}
	}
	must(false, "no such record");
	return NULL;
}

void craft_zero_body(struct craft *c, uint64_t seq)
{
	size_t size;
	uint8_t *frame = craft_frame(c, seq, &size);

	memset(frame + FRAME_OFF_NONCE, 0, size - FRAME_OFF_NONCE);
}

/* --- records --------------------------------------------------------------------------------- */

void craft_genesis_of(struct craft *c, const uint8_t *store_id, const struct key_pair *first,
		      const struct key_pair *second)
{
	union ink_body body = { .genesis = { .root_mode = S_IFDIR | 0755,
					     .store_id = store_id,
					     .log_key = c->log_key->public_key,
					     .seal_key = c->seal_key->public_key,
					     .segment_size = SEGMENT_SIZE_MIN,
					     .software = str_of("craft", 5) } };

	origin_make("craft", store_id, c->seal_key->public_key, c->origin);
	body.genesis.origin = str_of(c->origin, sizeof(c->origin));
	vkey_format(body.genesis.origin, c->log_key->public_key, c->vkey);
	craft_signed(c, INK_GENESIS, &body, first, second);
}

void craft_genesis(struct craft *c)
{
	craft_genesis_of(c, c->store_id, c->log_key, c->seal_key);
}

struct ink_body_seal craft_seal_body(const struct craft *c, uint8_t kind, uint8_t reason,
				     uint64_t durable_size, uint8_t *ret_root)
{
	merkle_root(&c->tree, ret_root);
	return (struct ink_body_seal){ .epoch = c->epoch + (kind != INK_SEAL),
				       .reason = reason,
				       .tree_size = c->tree.size,
				       .root = ret_root,
				       .durable_size = durable_size };
}

uint64_t craft_seal(struct craft *c, uint8_t reason, uint64_t durable_size)
{
	uint8_t root[INK_HASH_SIZE];
	union ink_body body = { .seal = craft_seal_body(c, INK_SEAL, reason, durable_size, root) };

	return craft_signed(c, INK_SEAL, &body, c->seal_key, NULL);
}

uint64_t craft_epoch(struct craft *c, uint8_t reason)
{
	uint8_t root[INK_HASH_SIZE];
	union ink_body body = { .seal = craft_seal_body(c, INK_EPOCH, reason, 0, root) };
	struct key_pair *next = craft_key(c);
	uint64_t seq;

	body.seal.next_key = next->public_key;
	seq = craft_signed(c, INK_EPOCH, &body, c->seal_key, next);
	c->seal_key = next;
	c->epoch++;
	return seq;
}

uint64_t craft_mount(struct craft *c)
{
	const union ink_body body = { .mount = { .version = str_of("0", 1),
						 .seal_interval_ms = 1000,
						 .sync_interval_ms = 1000,
						 .epoch_s = 10,
						 .heartbeat_s = 600 } };

	c->payload = 0;
	c->mount_seq = craft_record(c, &(struct ink_header){ .kind = INK_MOUNT }, &body);
	return c->mount_seq;
}

uint64_t craft_unmount(struct craft *c)
{
	const union ink_body body = { .unmount = { .reason = INK_UNMOUNT_ASKED,
						   .record_count = c->tree.size - c->mount_seq,
						   .payload_bytes = c->payload } };

	return craft_record(c, &(struct ink_header){ .kind = INK_UNMOUNT }, &body);
}

void craft_open(struct craft *c)
{
	craft_epoch(c, INK_SEAL_MOUNT);
	craft_mount(c);
}

void craft_close(struct craft *c)
{
	craft_unmount(c);
	craft_epoch(c, INK_SEAL_UNMOUNT);
}

uint64_t craft_node(struct craft *c, uint8_t kind, uint64_t inode, uint64_t parent,
		    const char *name)
{
	const union ink_body body = { .node = { .parent = parent,
						.mode = kind == INK_MKDIR     ? S_IFDIR | 0755
							: kind == INK_SYMLINK ? S_IFLNK | 0777
									      : S_IFREG | 0644,
						.name = str_of(name, INK_NAME_SIZE_MAX),
						.target = str_of(
							kind == INK_SYMLINK ? "target" : "", 6) } };

	return craft_record(c, &(struct ink_header){ .kind = kind, .inode = inode }, &body);
}

uint64_t craft_append(struct craft *c, uint64_t inode, uint64_t offset, const char *text)
{
	c->payload += strlen(text);
	return craft_bytes(
		c, &(struct ink_header){ .kind = INK_APPEND, .inode = inode, .offset = offset },
		text, strlen(text));
}

void craft_begin(struct craft *c)
{
	craft_genesis(c);
	craft_open(c);
	craft_node(c, INK_MKDIR, 2, INK_ROOT_INODE, "d");
	craft_node(c, INK_CREATE, 3, 2, "f");
	craft_append(c, 3, 0, "1234");
}

/* --- the store ------------------------------------------------------------------------------- */

struct key_pair *craft_key(struct craft *c)
{
	must(c->key_count < CRAFT_KEYS_MAX, "too many keys");
	c->keys[c->key_count] = key_make();
	must(c->keys[c->key_count], "a key");
	return c->keys[c->key_count++];
}

void craft_init(struct craft *c)
{
	*c = (struct craft){ .store_id = { 's', 't', 'o', 'r', 'e' } };
	must(vkey_setup(), "libsodium");
	c->log_key = craft_key(c);
	c->seal_key = craft_key(c);
	merkle_init(&c->tree);
	craft_rotate(c);
}

void craft_release(struct craft *c)
{
	for (unsigned i = 0; i < c->key_count; i++)
		key_free(c->keys[i]);
	for (unsigned i = 0; i < c->segment_count; i++)
		free(c->segments[i]);
	*c = (struct craft){ 0 };
}

void craft_save(const struct craft *c, const char *path)
{
	char log[PATH_MAX], file[PATH_MAX], name[32];

	scratch_path(path, "log", log);
	must(mkdir(path, 0700) == 0 && mkdir(log, 0700) == 0, "a folder");
	for (unsigned i = 0; i < c->segment_count; i++) {
		snprintf(name, sizeof(name), "%010u.seg", i);
		scratch_path(log, name, file);
		if (c->segments[i])
			file_write(file, c->segments[i], c->sizes[i]);
	}
	scratch_path(path, "lock", file);
	file_write(file, "", 0);
}

size_t craft_checkpoint(const struct craft *c, const struct key_pair *log_key,
			const struct key_pair *seal_key, char *ret_note)
{
	struct checkpoint checkpoint = { .origin = str_of(c->origin, sizeof(c->origin)),
					 .size = c->tree.size };
	uint8_t signature[INK_SIGNATURE_SIZE], message[INK_CHECKPOINT_SIZE_MAX];
	struct put put, cosigned;
	struct ink_str text;
	char name[320];

	merkle_root(&c->tree, checkpoint.root);
	put_init(&put, (uint8_t *)ret_note, INK_CHECKPOINT_SIZE_MAX);
	checkpoint_put(&put, &checkpoint);
	text = (struct ink_str){ ret_note, (uint32_t)put.size };
	put_u8(&put, '\n');
	key_sign(log_key, (uint8_t *)ret_note, text.size, signature);
	note_put_line(&put, checkpoint.origin, NOTE_ED25519, log_key->public_key, 0, signature);
	if (seal_key) {
		snprintf(name, sizeof(name), "%s/epoch/%u", c->origin, c->epoch);
		put_init(&cosigned, message, sizeof(message));
		note_put_cosigned(&cosigned, 5, text);
		key_sign(seal_key, message, cosigned.size, signature);
		note_put_line(&put, str_of(name, sizeof(name)), NOTE_COSIGNATURE,
			      seal_key->public_key, 5, signature);
	}
	must(!put.is_full, "a checkpoint");
	return put.size;
}
