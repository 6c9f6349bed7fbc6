/* SPDX-License-Identifier: MIT */
#include "plan.h"

#include "common.h"
#include "marks.h"
#include "plan_paths.h"

/*
 * Looking a process up costs as much as reading some dozen records in order, so where processes are many, reading is
 * cheaper.  So is it over a few records in between that nobody wants, and where half of all are wanted.
 */
enum { ACTOR_COUNT_MAX = 4096, GAP_SIZE_MAX = 2 * INK_BLOCK_COUNT, DENSE_SHARE = 2 };

#define BIT(kind) (UINT32_C(1) << (kind))
/* Kinds with a caller: from ACTOR on up to DENIED. */
#define KINDS_WITH_CALLER (BIT(INK_DENIED + 1) - BIT(INK_ACTOR))
#define KINDS_TAKING_NAMES (BIT(INK_RENAME) | BIT(INK_UNLINK))
#define KINDS_OF_NAMES \
	(KINDS_TAKING_NAMES | BIT(INK_CREATE) | BIT(INK_MKDIR) | BIT(INK_SYMLINK) | BIT(INK_LINK))

struct search {
	struct filter *filter;
	struct replay *replay;
	struct plan *plan;
	unsigned actor_count;
	uint64_t actors_end; /* processes from this record on were not looked at */
	struct marks users;  /* that are asked for, and processes that they logged in for */
	struct marks actors; /* that --process and --job ask for */
	struct plan_paths paths;
	bool has_failed;
};

/* --- processes ------------------------------------------------------------------------------- */

static bool look_at_actor(void *ctx, uint64_t seq)
{
	struct search *search = ctx;
	struct filter *filter = search->filter;
	bool is_good = ++search->actor_count <= ACTOR_COUNT_MAX;

	if (is_good && filter_asks_actor(filter) && filter_has_actor(filter, search->replay, seq))
		is_good = marks_add(&search->actors, ink_mark_actor(seq));
	if (is_good && filter->uid_count > 0 && filter_has_login(filter, search->replay, seq))
		is_good = marks_add(&search->users, ink_mark_actor(seq));
	if (!is_good)
		search->actors_end = seq;
	return is_good;
}

static bool find_actors(struct search *search, struct ink_store *store)
{
	const struct filter *filter = search->filter;
	bool is_good = true;

	search->actors_end = UINT64_MAX;
	if (!filter_asks_caller(filter))
		return true;
	/* What nobody is known to have done is in no job. */
	is_good &= marks_add(&search->actors, ink_mark_actor(0));
	for (size_t i = 0; i < filter->uid_count; i++)
		is_good &= marks_add(&search->users, ink_mark_uid(filter->uids[i]));
	if (!is_good || ink_each_actor(store, look_at_actor, search) != INK_OK) {
		complain("the index of processes cannot be read; try --scan, and 'inkfs verify'");
		return false;
	}
	return true;
}

/* --- blocks ---------------------------------------------------------------------------------- */

static bool may_have_time(const struct filter *filter, const struct ink_block *block,
			  uint64_t first)
{
	return first <= filter->to_seq && first + INK_BLOCK_COUNT > filter->from_seq &&
	       (!filter->has_since || block->wall_max_ns >= filter->since_ns) &&
	       (!filter->has_until || block->wall_min_ns <= filter->until_ns);
}

static bool may_have_caller(const struct search *search, const struct ink_block *block,
			    uint64_t first)
{
	const struct filter *filter = search->filter;

	if (!filter_asks_caller(filter))
		return true;
	if (!(block->kinds & KINDS_WITH_CALLER))
		return false;
	if (first + INK_BLOCK_COUNT > search->actors_end)
		return true;
	return (filter->uid_count == 0 || marks_have_one(&search->users, block)) &&
	       (!filter_asks_actor(filter) || marks_have_one(&search->actors, block));
}

static bool may_have_path(const struct search *search, const struct ink_block *block)
{
	const struct plan_paths *paths = &search->paths;

	return search->filter->paths.count == 0 || paths->is_any ||
	       marks_have_one(&paths->objects, block) ||
	       ((block->kinds & BIT(INK_DENIED)) &&
		(paths->takes_any_refusal || marks_have_one(&paths->refused, block)));
}

/* What must be known of the records that are left out. */
static bool note_context(struct plan *plan, const struct ink_block *block, uint64_t first)
{
	uint64_t end = first + INK_BLOCK_COUNT;

	plan->has_gone_names |= (block->kinds & KINDS_TAKING_NAMES) != 0;
	return (!(block->kinds & BIT(INK_MOUNT)) || ranges_add(&plan->mounts, first, end)) &&
	       (!(block->kinds & KINDS_OF_NAMES) || ranges_add(&plan->names, first, end));
}

static bool may_hold(void *ctx, const struct ink_block *block, uint64_t first)
{
	struct search *search = ctx;
	const struct filter *filter = search->filter;

	search->has_failed |= !note_context(search->plan, block, first);
	return (filter->kinds == 0 || (filter->kinds & block->kinds)) &&
	       may_have_time(filter, block, first) && may_have_caller(search, block, first) &&
	       may_have_path(search, block);
}

/* --- all of it ------------------------------------------------------------------------------- */

bool plan_is_worth_it(const struct filter *filter)
{
	return filter->from_seq > 0 || filter->to_seq != UINT64_MAX || filter->has_since ||
	       filter->has_until || filter->kinds != 0 || filter->paths.count > 0 ||
	       filter_asks_caller(filter);
}

/* Without the gaps that are not worth a jump; what holds most of all is one range. */
static bool join(const struct ranges *found, struct ranges *ret_ranges)
{
	uint64_t wanted = 0, all = 0;
	bool is_good = true;

	for (size_t i = 0; i < found->count; i++)
		wanted += found->items[i].to - found->items[i].from;
	if (found->count > 0)
		all = found->items[found->count - 1].to - found->items[0].from;
	for (size_t i = 0; i < found->count && is_good; i++) {
		const struct range *last =
			ret_ranges->count > 0 ? &ret_ranges->items[ret_ranges->count - 1] : NULL;
		uint64_t from = found->items[i].from;

		if (last && (from - last->to <= GAP_SIZE_MAX || wanted > all / DENSE_SHARE))
			from = last->to;
		is_good = ranges_add(ret_ranges, from, found->items[i].to);
	}
	return is_good;
}

bool plan_make(struct plan *plan, struct filter *filter, struct ink_store *store,
	       const char *store_path, struct replay *replay)
{
	struct search search = { .filter = filter, .replay = replay, .plan = plan };
	struct ranges found = { 0 };
	struct ink_status status;
	uint64_t from;
	bool is_good;

	*plan = (struct plan){ 0 };
	ink_status(store, &status);
	is_good = find_actors(&search, store) &&
		  (filter->paths.count == 0 ||
		   plan_paths_find(&search.paths, filter, store, store_path)) &&
		  ranges_find(&found, store, status.record_count, may_hold, &search);
	if (is_good && (search.has_failed || !join(&found, &plan->ranges) ||
			!ranges_add(&plan->ranges, status.record_count, UINT64_MAX))) {
		complain("out of memory");
		is_good = false;
	}
	/* Not from the beginning of the block, nor, to go on at the end, from before it. */
	from = filter->from_seq < status.record_count ? filter->from_seq : status.record_count;
	if (is_good && plan->ranges.items[0].from < from)
		plan->ranges.items[0].from = from;
	ranges_release(&found);
	return is_good;
}

void plan_release(struct plan *plan)
{
	ranges_release(&plan->ranges);
	ranges_release(&plan->mounts);
	ranges_release(&plan->names);
}
