/* SPDX-License-Identifier: MIT */
/* Findings: text, path and limits; handed out at once or kept until it is clear what they mean. */
#include "verify_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const finding_names[] = {
	[INK_FIND_FOREIGN_FILE] = "foreign-file",
	[INK_FIND_SEGMENT_MISSING] = "segment-missing",
	[INK_FIND_SEGMENT_HEADER] = "segment-header",
	[INK_FIND_SEGMENT_TAIL] = "segment-tail",
	[INK_FIND_FRAME] = "frame",
	[INK_FIND_HEADER] = "header",
	[INK_FIND_SEQUENCE] = "sequence",
	[INK_FIND_CHAIN] = "chain",
	[INK_FIND_DIGEST] = "digest",
	[INK_FIND_BODY] = "body",
	[INK_FIND_ROOT] = "root",
	[INK_FIND_SIGNATURE] = "signature",
	[INK_FIND_EPOCH] = "epoch",
	[INK_FIND_GENESIS] = "genesis",
	[INK_FIND_PINNED_KEY] = "pinned-key",
	[INK_FIND_SESSION] = "session",
	[INK_FIND_NAMES] = "names",
	[INK_FIND_OFFSET] = "offset",
	[INK_FIND_ACTOR] = "actor",
	[INK_FIND_INDEX] = "index",
	[INK_FIND_INDEX_AHEAD] = "index-ahead",
	[INK_FIND_KEY_FILE] = "key-file",
	[INK_FIND_VKEY_FILE] = "vkey-file",
	[INK_FIND_LOST_FILE] = "lost-file",
	[INK_FIND_ERASED] = "erased",
	[INK_FIND_UNCLEAN_END] = "unclean-end",
	[INK_FIND_RECOVERY] = "recovery",
	[INK_FIND_TORN_TAIL] = "torn-tail",
	[INK_FIND_UNSEALED_TAIL] = "unsealed-tail",
	[INK_FIND_CLOCK_BACK] = "clock-back",
	[INK_FIND_REKEY] = "rekey",
	[INK_FIND_NO_INDEX] = "no-index",
	[INK_FIND_INDEX_BEHIND] = "index-behind",
	[INK_FIND_NOT_CLOSED] = "not-closed",
	[INK_FIND_LOST_MISSING] = "lost-missing",
	[INK_FIND_LOST_UNNAMED] = "lost-unnamed",
	[INK_FIND_EPOCH_LONG] = "epoch-long",
	[INK_FIND_CHECKPOINT] = "checkpoint",
	[INK_FIND_CHECKPOINT_AHEAD] = "checkpoint-ahead",
	[INK_FIND_CHECKPOINT_FORK] = "checkpoint-fork",
	[INK_FIND_CHECKPOINT_WEAK] = "checkpoint-weak",
};

const char *ink_finding_name(enum ink_finding_code code)
{
	return code >= INK_FIND_FOREIGN_FILE && (int)code <= FINDING_CODE_LAST ? finding_names[code]
									       : NULL;
}

static void hand_out(struct verify *v, const struct ink_finding *finding)
{
	uint64_t count = v->code_counts[finding->code]++;

	*(finding->severity == INK_EVIDENCE ? &v->result->evidence_count
					    : &v->result->observation_count) += 1;
	if (count < FINDINGS_PER_CODE_MAX && count >= v->told_counts[finding->code] &&
	    v->options.on_finding)
		v->options.on_finding(v->options.ctx, finding);
}

static char *copy_of(const char *text)
{
	return text ? strdup(text) : NULL;
}

static void keep(struct verify *v, struct kept_list *list, const struct ink_finding *finding)
{
	struct kept_finding *item;

	if (list->count >= FINDINGS_PER_CODE_MAX ||
	    !verify_grow(v, &list->items, &list->room, list->count, sizeof(*list->items))) {
		list->dropped_count++;
		return;
	}
	item = &list->items[list->count++];
	item->finding = *finding;
	item->path = copy_of(finding->path);
	item->text = copy_of(finding->text);
	item->finding.path = item->path;
	item->finding.text = item->text ? item->text : "";
}

void kept_drop(struct kept_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->items[i].path);
		free(list->items[i].text);
	}
	free(list->items);
	*list = (struct kept_list){ 0 };
}

void kept_flush(struct verify *v, struct kept_list *list)
{
	enum ink_finding_code last = INK_FIND_FRAME;

	for (size_t i = 0; i < list->count; i++) {
		hand_out(v, &list->items[i].finding);
		last = list->items[i].finding.code;
	}
	v->code_counts[last] += list->dropped_count;
	v->result->evidence_count += list->dropped_count;
	kept_drop(list);
}

static bool is_evidence(int code)
{
	return code < INK_FIND_ERASED ||
	       (code >= INK_FIND_CHECKPOINT && code <= INK_FIND_CHECKPOINT_FORK);
}

void report_overflows(struct verify *v)
{
	char text[FINDING_TEXT_SIZE];

	for (int code = INK_FIND_FOREIGN_FILE; code <= FINDING_CODE_LAST; code++) {
		struct ink_finding finding = { .code = (enum ink_finding_code)code, .text = text };

		if (v->code_counts[code] <= FINDINGS_PER_CODE_MAX || !v->options.on_finding)
			continue;
		finding.severity = is_evidence(code) ? INK_EVIDENCE : INK_OBSERVATION;
		snprintf(text, sizeof(text), "%llu more of this kind, not listed",
			 (unsigned long long)(v->code_counts[code] - FINDINGS_PER_CODE_MAX));
		v->options.on_finding(v->options.ctx, &finding);
	}
}

static void fill_record(struct verify *v, struct ink_finding *finding,
			const struct ink_record *record, char *path, size_t path_size)
{
	const struct ink_header *header = &record->header;

	finding->has_record = true;
	finding->seq = header->seq;
	finding->place = record->place;
	finding->wall_ns = header->wall_ns;
	finding->inode = header->inode;
	if (header->kind == INK_APPEND) {
		finding->offset = header->offset;
		finding->size = header->body_size;
	}
	if (names_node(&v->names, v->chain.next_inode, header->inode)) {
		names_path(&v->names, header->inode, path, path_size);
		finding->path = path;
	}
}

static void tell_of_log(struct verify *v, const struct ink_finding *finding)
{
	if (v->suspect.is_set)
		keep(v, &v->suspect.findings, finding);
	else if (finding->seq < known_durable(v) || !change_spoils(v))
		hand_out(v, finding);
}

void report_file(struct verify *v, enum ink_finding_code code, const char *path, const char *format,
		 ...)
{
	char text[FINDING_TEXT_SIZE];
	struct ink_finding finding = {
		.code = code, .severity = INK_EVIDENCE, .path = path, .text = text
	};
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	hand_out(v, &finding);
}

void report_record(struct verify *v, enum ink_finding_code code, const struct ink_record *record,
		   const char *format, ...)
{
	char text[FINDING_TEXT_SIZE], path[VERIFY_PATH_SIZE];
	struct ink_finding finding = { .code = code, .severity = INK_EVIDENCE, .text = text };
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fill_record(v, &finding, record, path, sizeof(path));
	tell_of_log(v, &finding);
}

void report_place(struct verify *v, enum ink_finding_code code, uint64_t seq, uint64_t place,
		  const char *format, ...)
{
	char text[FINDING_TEXT_SIZE];
	struct ink_finding finding = { .code = code, .severity = INK_EVIDENCE, .text = text };
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	finding.has_record = true;
	finding.seq = seq;
	finding.place = place;
	tell_of_log(v, &finding);
}

void report_index(struct verify *v, const char *format, ...)
{
	char text[FINDING_TEXT_SIZE];
	struct ink_finding finding = { .code = INK_FIND_INDEX,
				       .severity = INK_EVIDENCE,
				       .path = "index/data.mdb",
				       .text = text };
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	keep(v, &v->index.findings, &finding);
}

void note_file(struct verify *v, enum ink_finding_code code, const char *path, const char *format,
	       ...)
{
	char text[FINDING_TEXT_SIZE];
	struct ink_finding finding = {
		.code = code, .severity = INK_OBSERVATION, .path = path, .text = text
	};
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	hand_out(v, &finding);
}

void note_place(struct verify *v, enum ink_finding_code code, uint64_t seq, uint64_t place,
		uint64_t size, const char *format, ...)
{
	char text[FINDING_TEXT_SIZE], path[32];
	struct ink_finding finding = { .code = code,
				       .severity = INK_OBSERVATION,
				       .has_record = true,
				       .seq = seq,
				       .place = place,
				       .offset = place_offset(place),
				       .size = size,
				       .path = path,
				       .text = text };
	va_list args;

	snprintf(path, sizeof(path), "log/%010u.seg", place_segment(place));
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	hand_out(v, &finding);
}

void note_record(struct verify *v, enum ink_finding_code code, const struct ink_record *record,
		 const char *format, ...)
{
	char text[FINDING_TEXT_SIZE], path[VERIFY_PATH_SIZE];
	struct ink_finding finding = { .code = code, .severity = INK_OBSERVATION, .text = text };
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (record)
		fill_record(v, &finding, record, path, sizeof(path));
	if (v->suspect.is_set && record)
		keep(v, &v->suspect.findings, &finding);
	else
		hand_out(v, &finding);
}
