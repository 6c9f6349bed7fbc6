/* SPDX-License-Identifier: MIT */
/*
 * What a store must hold: the records that it acknowledged, in order, and with which promise.
 *
 * Owns: copies of the records' bodies.  Knows nothing of: disks.  Threads: one per oracle.
 * All checks answer true, or false with a sentence in `why`.
 */
#ifndef TEST_POWER_ORACLE_H
#define TEST_POWER_ORACLE_H

#include "inkfs/reader.h"

enum { POWER_WHY_SIZE = 1024, POWER_NODES_MAX = 512, POWER_NAME_SIZE = 24 };

/* One record that a caller of the store caused. */
struct power_record {
	uint8_t kind;
	uint64_t inode, offset;
	uint32_t size;
	uint8_t *body;
};

struct power_node {
	uint8_t kind; /* INK_CREATE, INK_MKDIR, INK_SYMLINK; 0: none with this number */
	uint32_t mode;
	uint64_t size;
	unsigned name_count; /* that it has */
	unsigned held_count; /* names that a folder has ever held */
};

struct power_name {
	uint64_t parent, inode;
	char name[POWER_NAME_SIZE];
};

/* The name space that the records make.  Inode numbers are positions in `nodes`. */
struct power_state {
	struct power_node nodes[POWER_NODES_MAX];
	unsigned node_count; /* the next inode's number */
	struct power_name names[POWER_NODES_MAX];
	unsigned name_count;
};

struct power_oracle {
	struct power_record *records;
	unsigned count, room;
	unsigned durable_count; /* of them survive a loss of power */
	unsigned sealed_count;  /* of them do so with a seal that covers them */
	bool is_last_open; /* whether the last was recorded nobody was told: the power went in it */
	/* Since the last that was acknowledged; one may stand, as the disk refused to take them back, too. */
	struct power_record *refused;
	unsigned refused_count;
	uint32_t epoch; /* the seal key is of this epoch or a later one, and alone in its file */
	struct power_state state;
	char why[POWER_WHY_SIZE];
};

void power_oracle_init(struct power_oracle *oracle);
void power_oracle_release(struct power_oracle *oracle);
void power_oracle_copy(const struct power_oracle *from, struct power_oracle *to);
/* @body is copied. */
void power_oracle_add(struct power_oracle *oracle, uint8_t kind, uint64_t inode, uint64_t offset,
		      const void *body, uint32_t size);
/* The same of a record that the disk refused, and refused to take back. */
void power_oracle_refuse(struct power_oracle *oracle, uint8_t kind, uint64_t inode, uint64_t offset,
			 const void *body, uint32_t size);
/* Something was acknowledged behind them. */
void power_oracle_forget_refused(struct power_oracle *oracle);
/* All records so far are durable with their seal. */
void power_oracle_promise(struct power_oracle *oracle);
/* Only the first @count records were there. */
void power_oracle_cut(struct power_oracle *oracle, unsigned count);
bool power_oracle_fail(struct power_oracle *oracle, const char *format, ...) INK_PRINTF(2, 3);

/* What the log says besides the callers' records. */
struct power_log {
	unsigned count;          /* callers' records */
	unsigned recovery_count; /* RECOVERY records */
	unsigned
		unclean_count; /* sessions that had neither UNMOUNT nor RECOVERY, the last included */
	bool is_session_open; /* the last session is such a one */
	uint64_t end_place;   /* behind the last record */
	/* The last RECOVERY: where it is, and the sizes of what it set aside. */
	uint64_t recovery_seq;
	unsigned lost_count;
	uint64_t lost_sizes[INK_LOST_COUNT_MAX];
};

/*
 * Read the log of the store in @path, and hold the callers' records against the oracle's: the same, in the same order,
 * bytes and all; no more than there are; those that are durable, and a seal behind them.
 */
bool power_oracle_check_log(struct power_oracle *oracle, const char *path,
			    struct power_log *ret_log);
/* Every name, size, mode and byte of the open store. */
bool power_oracle_check_store(struct power_oracle *oracle, struct ink_store *store);

#endif
