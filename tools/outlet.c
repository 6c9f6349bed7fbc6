/* SPDX-License-Identifier: MIT */
#include "outlet.h"

#include "common.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PENDING_SIZE = 1 << 18 };

static void look_at_output(struct outlet *outlet)
{
	const struct state *state = &outlet->state;
	struct stat status;

	if (fstat(STDOUT_FILENO, &status) != 0 || !S_ISREG(status.st_mode))
		return;
	outlet->is_file = true;
	outlet->output_size = (uint64_t)lseek(STDOUT_FILENO, 0, SEEK_END);
	if (state->is_found && outlet->output_size > state->output_size)
		outlet->skip_size = outlet->output_size - state->output_size;
}

bool outlet_init(struct outlet *outlet, const char *format_name, const char *state_path,
		 bool is_following)
{
	*outlet = (struct outlet){ .format_name = format_name,
				   .holds_unsigned = is_following || state_path };
	if (!state_path)
		return true;
	if (!state_load(&outlet->state, state_path))
		return false;
	if (outlet->state.is_found && strcmp(outlet->state.format, format_name) != 0) {
		complain("%s: the output so far is in the format %s", state_path,
			 outlet->state.format);
		return false;
	}
	if (outlet->state.is_found && strcmp(outlet->state.host, "-") != 0)
		line_puts(&outlet->host, outlet->state.host);
	look_at_output(outlet);
	return true;
}

void outlet_release(struct outlet *outlet)
{
	line_release(&outlet->line);
	line_release(&outlet->host);
}

static bool put_out(struct outlet *outlet, size_t size)
{
	struct line *line = &outlet->line;
	size_t skipped = outlet->skip_size < size ? (size_t)outlet->skip_size : size;

	outlet->skip_size -= skipped;
	if (size > skipped)
		fwrite(line->data + skipped, 1, size - skipped, stdout);
	outlet->output_size += size - skipped;
	if (line->size > size)
		memmove(line->data, line->data + size, line->size - size);
	line->size -= size;
	outlet->signed_size = 0;
	return fflush(stdout) == 0 && !ferror(stdout);
}

/* What stands in the output now is all of the records before @next_seq. */
static bool keep_state(struct outlet *outlet, uint64_t next_seq, const uint8_t *leaf)
{
	struct state *state = &outlet->state;
	size_t host_size = outlet->host.size < sizeof(state->host) ? outlet->host.size : 0;

	if (!state->path || (state->is_found && state->next_seq == next_seq))
		return true;
	if (outlet->is_file && fdatasync(STDOUT_FILENO) != 0 && errno != EINVAL) {
		complain("cannot sync the output: %s", strerror(errno));
		return false;
	}
	state->is_found = true;
	state->next_seq = next_seq;
	memcpy(state->leaf, leaf, INK_HASH_SIZE);
	state->output_size = outlet->output_size;
	snprintf(state->format, sizeof(state->format), "%s", outlet->format_name);
	if (host_size > 0)
		memcpy(state->host, outlet->host.data, host_size);
	state->host[host_size] = '\0';
	return state_keep(state);
}

bool outlet_flush(struct outlet *outlet)
{
	if (!put_out(outlet, outlet->holds_unsigned ? outlet->signed_size : outlet->line.size))
		return false;
	/* While what is printed stands there already, the output is ahead of the records. */
	if (!outlet->has_signed || outlet->skip_size > 0)
		return true;
	return keep_state(outlet, outlet->signed_next, outlet->signed_leaf);
}

/*
 * A file that is shorter than it was then was begun anew (rotated).  The state must say so before anything is printed: it
 * is from this size on that a later run leaves out what stands there.
 */
static bool note_shorter(struct outlet *outlet)
{
	struct state *state = &outlet->state;

	if (!outlet->is_file || !state->is_found || outlet->output_size >= state->output_size)
		return true;
	state->output_size = outlet->output_size;
	return state_keep(state);
}

bool outlet_begin(struct outlet *outlet, const char *heading, uint64_t next_seq,
		  const uint8_t leaf[static INK_HASH_SIZE])
{
	const struct state *state = &outlet->state;

	/* Does the log still hold the record that was printed last? */
	if (state->is_found &&
	    (next_seq != state->next_seq || memcmp(leaf, state->leaf, INK_HASH_SIZE) != 0)) {
		complain("%s: record %" PRIu64
			 " does not follow what was exported: another store, or one whose end was "
			 "cut; run 'inkfs verify', then go on with another state file and --after",
			 state->path, state->next_seq);
		return false;
	}
	if (!note_shorter(outlet))
		return false;
	if (heading && (!state->is_found || state->output_size == 0)) {
		line_puts(&outlet->line, heading);
		outlet->signed_size = outlet->line.size;
	}
	return state->is_found || keep_state(outlet, next_seq, leaf);
}

bool outlet_take(struct outlet *outlet, uint64_t next_seq, const uint8_t leaf[static INK_HASH_SIZE],
		 bool is_sealed)
{
	bool is_full = outlet->line.size >= PENDING_SIZE;

	if (outlet->line.has_failed) {
		complain("out of memory");
		return false;
	}
	if (!is_sealed)
		return !is_full || outlet->holds_unsigned || outlet_flush(outlet);
	outlet->signed_size = outlet->line.size;
	outlet->signed_next = next_seq;
	outlet->has_signed = true;
	memcpy(outlet->signed_leaf, leaf, INK_HASH_SIZE);
	return !is_full || outlet_flush(outlet);
}
