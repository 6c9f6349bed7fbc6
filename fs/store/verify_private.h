/* SPDX-License-Identifier: MIT */
/*
 * Verification inside: the parts that verify_*.c share.
 *
 * verify_log.c walks the segments and says what is wrong with frames; each record that is sound goes through
 *   verify_chain.c  tree, sessions, actors, and with verify_seals.c what signs and the key succession;
 *   verify_names.c  the name space and the files' sizes, replayed in memory;
 *   verify_index.c  the index (opened in verify_index_open.c), held against that state.
 * verify_suspect.c keeps back what may come from a crash (see below);
 * verify_lost.c holds lost/ against the RECOVERY records, verify_epoch.c looks at how long keys lived,
 * verify_files.c looks at what else lies in the folder; verify_change.c whether somebody writes meanwhile;
 * verify_report.c hands findings out.
 *
 * Torn or tampered.  Whether a fault can be a crash is known only at the end: it can be if nothing behind it proves
 * that it had reached the disk.  So from the first fault at or behind the durable size on, findings are kept back
 * (struct suspect), with a copy of the state before it.  If later a seal says that the place was durable, they are
 * evidence and come out; if the log ends before, all of it is one observation, and the state before it is the result.
 */
#ifndef INK_VERIFY_PRIVATE_H
#define INK_VERIFY_PRIVATE_H

#include "block.h"
#include "inkfs/verify.h"
#include "lmdb_read.h"
#include "merkle.h"
#include "note.h"
#include "walk.h"

enum {
	FINDINGS_PER_CODE_MAX = 1000,
	FINDING_CODE_LAST = INK_FIND_CHECKPOINT_WEAK,
	FINDING_TEXT_SIZE = 768,
	VERIFY_PATH_SIZE = 4352,
	ERASED_MAX = 65536,
	LEVEL_COUNT = TILE_LEVEL_MAX,
	SEAL_KEY_FILE_SIZE = 144,
};

/* --- findings ------------------------------------------------------------------------------ */

struct kept_finding {
	struct ink_finding finding;
	char *path;
	char *text;
};

struct kept_list {
	struct kept_finding *items;
	size_t count;
	size_t room;
	uint64_t dropped_count; /* more than were kept */
};

/* --- chain --------------------------------------------------------------------------------- */

/* For verify_epoch.c; CLOCK_BOOTTIME as in the records, 0: not yet. */
struct epoch_watch {
	uint64_t length_s; /* that MOUNT gives epochs; 0: not known */
	uint64_t first_ns; /* first record of the epoch */
	uint64_t over_ns;  /* first one behind its length */
	bool is_told;
};

/* Copied as a whole when a fault may turn out to be the end of the log. */
struct chain {
	struct merkle tree;
	bool has_genesis;
	bool is_tree_known;  /* no record is missing so far */
	bool is_state_known; /* nor its body: sessions and actors are as the records say */
	bool is_key_known;
	uint8_t store_id[INK_STORE_ID_SIZE];
	uint8_t log_key[INK_KEY_SIZE];
	uint8_t seal_key[INK_KEY_SIZE];
	uint32_t epoch;
	uint64_t segment_size;
	uint64_t durable;
	uint64_t last_seal_seq;
	uint64_t sealed_count;
	uint64_t session_seq; /* of its MOUNT, 0: none */
	bool was_ended;       /* UNMOUNT or RECOVERY since the last MOUNT */
	bool is_closed;
	bool has_clock_back; /* told in this session */
	uint8_t last_kind;
	int64_t first_wall, last_wall;
	uint64_t payload, payload_before;
	uint64_t refusals;
	uint64_t end_place;
	uint8_t last_leaf[INK_HASH_SIZE];
	uint64_t next_inode;
	uint64_t seal_count, session_count, unclean_count;
	uint64_t erased_count; /* zeroed bodies whose ERASE a good seal covers */
	struct epoch_watch watch;
	char vkey[INK_VKEY_SIZE];
};

struct suspect {
	bool is_set;
	uint64_t seq;
	uint64_t place;
	struct chain before;
	struct kept_list findings;
};

struct erased {
	uint64_t seq, place, inode, offset, size;
	uint64_t erase_seq; /* of the ERASE that names it, not yet signed; 0: none so far */
	int64_t wall_ns;
	uint8_t root[INK_HASH_SIZE]; /* over the records before it */
};

/* --- names --------------------------------------------------------------------------------- */

struct vname {
	struct vname *next;          /* same bucket */
	struct vname *next_of_inode; /* other names of the inode */
	uint64_t parent, inode, cookie;
	uint32_t size;
	char bytes[];
};

struct vnode {
	uint32_t mode, uid, gid, nlink;
	bool has_held;
	uint64_t size, records, last_seq;
	uint8_t last_leaf[INK_HASH_SIZE];
	int64_t atime, mtime, ctime, btime;
	uint64_t parent, run_start, end_place;
	struct vname *names;
	char *target; /* size bytes */
};

struct names {
	struct vnode *nodes; /* by number, the root first */
	size_t node_room,
		node_count; /* node_count: ever made; chain.next_inode says how many there are */
	struct vname **buckets;
	size_t bucket_count; /* a power of two */
	uint64_t name_count, symlink_count, extent_count;
	uint64_t seed;
	bool is_partial; /* a record that made or changed names is lost: no more is said about names */
	bool has_new_run; /* the APPEND just applied begins a run */
};

/* --- index --------------------------------------------------------------------------------- */

enum vdb {
	VDB_META,
	VDB_LEAVES,
	VDB_TILES,
	VDB_SEALS,
	VDB_INODES,
	VDB_NAMES,
	VDB_ENTRIES,
	VDB_LINKS,
	VDB_TARGETS,
	VDB_EXTENTS,
	VDB_ACTORS,
	VDB_BLOCKS,
	VDB_COUNT,
};

struct vindex {
	bool is_open;
	bool is_done; /* compared, or no use in going on */
	bool has_copy;
	uint64_t count; /* records that it covers, as its head says */
	struct lmdb_file file;
	struct lmdb_cursor cursors[VDB_COUNT];
	struct lmdb_bytes leaves; /* the entry that the walk is in */
	struct ink_block block;   /* of the same records */
	bool is_block_partial;    /* a body that it needs could not be read */
	uint8_t tiles[LEVEL_COUNT][TILE_WIDTH][INK_HASH_SIZE]; /* [0]: of leaves */
	unsigned tile_counts[LEVEL_COUNT];
	uint64_t tile_numbers[LEVEL_COUNT];
	uint64_t tile_entries, extent_entries;
	struct kept_list findings; /* until it is clear that nobody changed it meanwhile */
};

/* --- checkpoints --------------------------------------------------------------------------- */

/* One that was given, and the tree of the log at its size. */
struct pin {
	const char *name;
	struct note note; /* borrows from the caller's bytes */
	struct checkpoint checkpoint;
	bool is_reached;                 /* the next three are set */
	bool is_tree_known;              /* no record before it is missing */
	uint32_t epoch;                  /* in force there */
	enum note_verdict epoch_verdict; /* of the line by its seal key */
	uint8_t root[INK_HASH_SIZE];
};

/* --- lost/ --------------------------------------------------------------------------------- */

struct recovery_seen {
	uint64_t seq;
	unsigned count; /* of the files that it names */
};

/* --- change -------------------------------------------------------------------------------- */

/* The newest segment.  A session, however short, leaves it longer, or a newer one. */
struct newest {
	uint32_t segment; /* 0 too if there is none */
	uint64_t size;
	ino_t inode;
	struct timespec written;
};

/* --- all of it ----------------------------------------------------------------------------- */

struct verify {
	const char *path;
	const struct io *io;
	struct ink_verify_options options;
	struct ink_verify_result *result;
	struct ink_error *error;
	bool is_live;
	bool was_written;     /* somebody wrote to it after verification had begun */
	struct newest newest; /* when it began */
	unsigned run;         /* 0: the first */
	bool is_spoiled; /* what was found may come from that writing: all is verified once more */
	unsigned end_count; /* how often the walk went on where the log had ended */
	bool has_no_memory;
	bool has_ours; /* something in the folder is of a store */

	uint64_t code_counts[FINDING_CODE_LAST + 1];
	uint64_t told_counts[FINDING_CODE_LAST + 1]; /* in earlier runs: not told again */
	struct chain chain;
	struct suspect suspect;
	bool has_fault; /* a record was found that is not good: the first one ends what is counted */
	bool is_torn;   /* the log ended with the remainder of a crash */
	uint64_t good_count; /* records before it */
	uint8_t good_root[INK_HASH_SIZE];
	struct names names;
	struct vindex index;
	struct walk walk;
	struct walk_ahead *ahead; /* NULL: hashes along the walk */

	uint64_t *actors; /* seqs, ascending */
	size_t actor_count, actor_room;
	struct erased *erased;
	size_t erased_count, erased_room;

	struct recovery_seen *recoveries;
	size_t recovery_count, recovery_room;

	uint64_t since_size; /* records that options.since vouches for */
	struct pin *pins;    /* ascending by size */
	size_t pin_count;

	uint32_t *segments; /* found in the folder, ascending */
	size_t segment_count, segment_room;
	uint64_t total_bytes, progress_bytes, largest_segment;
};

/* realloc() for one more of @size bytes; false (has_no_memory) without memory. */
bool verify_grow(struct verify *v, void *array, size_t *room, size_t count, size_t size);
/* "STORE/name", to be freed; NULL (has_no_memory) without memory. */
char *verify_join(struct verify *v, const char *name);
/* "no memory" or what errno says, about @path. */
enum ink_err verify_io_error(struct verify *v, const char *path);

/* verify_report.c */
/* Evidence about the store as a whole or one of its files; @path may be NULL. */
void report_file(struct verify *v, enum ink_finding_code code, const char *path, const char *format,
		 ...) INK_PRINTF(4, 5);
/* Evidence about a record; kept back while a suspect is set. */
void report_record(struct verify *v, enum ink_finding_code code, const struct ink_record *record,
		   const char *format, ...) INK_PRINTF(4, 5);
/* Evidence about the place where record @seq should begin. */
void report_place(struct verify *v, enum ink_finding_code code, uint64_t seq, uint64_t place,
		  const char *format, ...) INK_PRINTF(5, 6);
void report_index(struct verify *v, const char *format, ...) INK_PRINTF(2, 3);
/* Observations; @record may be NULL, as may @path. */
void note_file(struct verify *v, enum ink_finding_code code, const char *path, const char *format,
	       ...) INK_PRINTF(4, 5);
/* About @size bytes of a segment, where record @seq should begin. */
void note_place(struct verify *v, enum ink_finding_code code, uint64_t seq, uint64_t place,
		uint64_t size, const char *format, ...) INK_PRINTF(6, 7);
void note_record(struct verify *v, enum ink_finding_code code, const struct ink_record *record,
		 const char *format, ...) INK_PRINTF(4, 5);
/* Hand out all that was kept, then forget it. */
void kept_flush(struct verify *v, struct kept_list *list);
void kept_drop(struct kept_list *list);
void report_overflows(struct verify *v);

/* verify_pins.c */
/* Read the checkpoints that were given.  INK_ERR_INVALID: one is not a checkpoint. */
INK_MUST_CHECK enum ink_err pins_begin(struct verify *v);
/* The tree has grown by one record. */
void pins_look(struct verify *v);
/* Hold them against what was seen. */
void pins_finish(struct verify *v);
void pins_release(struct verify *v);

/* verify_log.c */
INK_MUST_CHECK enum ink_err verify_log(struct verify *v);

/* verify_suspect.c */
/* What was on the disk, as the index and good seals say. */
uint64_t known_durable(const struct verify *v);
/* The next record is not good, and no crash makes it so: the first one ends what is counted as good. */
void mark_fault(struct verify *v);
/* Record @seq is not good; from here on all may be the remainder of a crash, unless something behind it proves otherwise. */
void suspect_begin(struct verify *v, uint64_t seq, uint64_t place);
/* Records below @durable were on the disk. */
void suspect_prove(struct verify *v, uint64_t durable);
/* At the end of the log, first: bodies of zeros for which no ERASE came that is signed. */
void settle_erased(struct verify *v);
/* Then, if nothing spoke against a crash: what came before it is what there is. */
INK_MUST_CHECK enum ink_err suspect_settle(struct verify *v);

/* verify_chain.c */
/* @body NULL: the record's body is damaged or erased. */
INK_MUST_CHECK enum ink_err chain_apply(struct verify *v, const struct ink_record *record,
					const union ink_body *body);
/* A record of which only the leaf is known. */
void chain_skip(struct verify *v, const uint8_t *leaf);
/* A good seal covers more: forget the zeroed bodies whose ERASE it covers. */
void chain_settle_erased(struct verify *v);

/* verify_seals.c */
void seals_genesis(struct verify *v, const struct ink_record *record,
		   const struct ink_body_genesis *body);
/* SEAL, EPOCH, REKEY.  @body NULL: damaged. */
void seals_apply(struct verify *v, const struct ink_record *record,
		 const struct ink_body_seal *body);

/* verify_names.c */
void names_apply(struct verify *v, const struct ink_record *record, const union ink_body *body);
void names_path(const struct names *names, uint64_t inode, char *ret_path, size_t size);
const struct vnode *names_node(const struct names *names, uint64_t next_inode, uint64_t number);
struct vname *names_find(const struct names *names, uint64_t parent, const char *name, size_t size);
void names_release(struct names *names);

/* verify_index_open.c */
INK_MUST_CHECK enum ink_err index_begin(struct verify *v);
/* Tell what was found in it, unless somebody wrote to it meanwhile. */
INK_MUST_CHECK enum ink_err index_finish(struct verify *v);
void index_release(struct verify *v);
const char *vdb_name(enum vdb db);
/* verify_index.c */
/* A record was applied. */
INK_MUST_CHECK enum ink_err index_step(struct verify *v, const struct ink_record *record,
				       const union ink_body *body);
/* INK_ERR_DAMAGED becomes a finding and the end of the comparison. */
INK_MUST_CHECK enum ink_err index_fault(struct verify *v, enum ink_err err, enum vdb db);
/* verify_index_state.c: the databases that hold the state, at exactly the record that the index ends with. */
INK_MUST_CHECK enum ink_err index_compare_state(struct verify *v);

/* verify_files.c */
INK_MUST_CHECK enum ink_err files_list(struct verify *v);
typedef void (*files_entry_fn)(struct verify *v, const char *name, const struct stat *status);
/* Each entry of STORE/@folder; nothing if it is not there, no folder, or not for this user to read. */
INK_MUST_CHECK enum ink_err files_each_readable(struct verify *v, const char *folder,
						files_entry_fn each);

/* verify_change.c */
/* Take down how things are before anything of the log is read. */
void change_begin(struct verify *v);
/* Somebody writes, or has written since then.  Kept (is_live, was_written). */
bool change_is_seen(struct verify *v);
/* Nobody writes any more, but somebody has since this was last asked. */
bool change_has_ended(struct verify *v);
/*
 * What was found behind the durable end may come from a session, or the recovery of a crash, that was under way
 * meanwhile.  true (is_spoiled): it is not to be told, since verification runs once more.
 */
bool change_spoils(struct verify *v);

/* verify_lost.c */
/* RECOVERY: hold the files that it names against it.  @body NULL: damaged. */
INK_MUST_CHECK enum ink_err lost_apply(struct verify *v, const struct ink_record *record,
				       const struct ink_body_recovery *body);
/* All records are known: what else lies in lost/? */
INK_MUST_CHECK enum ink_err lost_finish(struct verify *v);

/* verify_epoch.c: with each record, after it was applied. */
void epoch_watch(struct verify *v, const struct ink_record *record, const union ink_body *body);

/* verify_keys.c */
INK_MUST_CHECK enum ink_err keys_check(struct verify *v);

#endif
