/* SPDX-License-Identifier: MIT */
#include "content.h"

#include "common.h"

#include <inttypes.h>

/* From here on a file that makes up most of the log is worth the other cores. */
enum { AHEAD_SIZE_MIN = 16 << 20 };

bool content_open(struct content *content, struct ink_store *store, const char *store_path,
		  bool is_unverified)
{
	struct ink_error error = { 0 };
	struct ink_status status;

	*content = (struct content){ .store = store, .is_unverified = is_unverified };
	if (ink_reader_open(store_path, &content->reader, &error) != INK_OK) {
		complain("%s", error.text);
		return false;
	}
	ink_status(store, &status);
	content->log_bytes = status.log_bytes;
	if (is_unverified)
		ink_reader_skip_digests(content->reader);
	return true;
}

void content_close(struct content *content)
{
	ink_reader_close(content->reader);
	content->reader = NULL;
}

void content_begin(struct content *content, uint64_t inode, const char *path, uint64_t offset,
		   uint64_t end, uint64_t seq_max)
{
	content->inode = inode;
	content->path = path;
	content->offset = offset;
	content->end = end;
	content->seq_max = seq_max;
	content->last_seq = 0;
	content->asks_first = false;
	if (end > offset && end - offset >= AHEAD_SIZE_MIN && end - offset > content->log_bytes / 2)
		ink_reader_hash_ahead(content->reader);
}

static enum content_step fail(const struct content *content, const char *why)
{
	complain("%s: byte %" PRIu64 ": %s; run 'inkfs verify'", content->path, content->offset,
		 why);
	return CONTENT_FAILED;
}

/* Is this the record that holds the next byte? */
static bool is_due(const struct content *content, const struct ink_header *header)
{
	return header->kind == INK_APPEND && header->inode == content->inode &&
	       header->offset <= content->offset &&
	       content->offset - header->offset < header->body_size;
}

/* Stand before the run that holds the next byte, unless it is the one that is being read. */
static enum ink_err go_to_run(struct content *content)
{
	struct ink_run run;
	enum ink_err err = ink_run_at(content->store, content->inode, content->offset, &run);

	if (err != INK_OK)
		return err;
	if (content->last_seq != 0 && run.offset < content->offset)
		return INK_OK;
	return ink_reader_seek(content->reader, run.place, run.seq);
}

/* The record that holds the next byte. */
static enum ink_err find_next(struct content *content, const struct ink_record **ret_record)
{
	bool has_asked = content->last_seq == 0 || content->asks_first;
	enum ink_err err = has_asked ? go_to_run(content) : INK_OK;

	while (err == INK_OK) {
		err = ink_reader_next(content->reader, ret_record);
		if (err != INK_OK)
			return err;
		/* A run may have records of others in it, but the end of a segment ends it. */
		if (*ret_record && is_due(content, &(*ret_record)->header))
			return INK_OK;
		if (!has_asked) {
			content->asks_first = has_asked = true;
			err = go_to_run(content);
		} else if (!*ret_record || (*ret_record)->header.seq > content->seq_max) {
			return INK_ERR_NOT_FOUND;
		}
	}
	return err;
}

enum content_step content_next(struct content *content, struct content_piece *ret_piece)
{
	const struct ink_record *record = NULL;
	const struct ink_header *header;
	uint64_t skip, size;
	enum ink_err err;

	if (content->offset >= content->end)
		return CONTENT_END;
	err = find_next(content, &record);
	if (err == INK_ERR_NOT_FOUND)
		return content->seq_max == UINT64_MAX
			       ? fail(content, "no record holds it where the index says")
			       : CONTENT_END;
	if (err != INK_OK)
		return fail(content, reason_of(err));
	header = &record->header;
	if (header->seq > content->seq_max)
		return CONTENT_END;
	if (record->is_erased)
		return fail(content, "its content was erased");
	if (record->is_damaged)
		return fail(content, "it is not what was recorded");
	skip = content->offset - header->offset;
	size = header->body_size - skip;
	if (size > content->end - content->offset)
		size = content->end - content->offset;
	*ret_piece = (struct content_piece){ header, record->body + skip, (size_t)size,
					     content->offset };
	content->offset += size;
	if (header->seq == content->last_seq + 1)
		content->asks_first = false;
	content->last_seq = header->seq;
	return CONTENT_PIECE;
}
