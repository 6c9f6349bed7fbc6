/* SPDX-License-Identifier: MIT */
/* The overlay against a model: a plain sorted array. */
#include "overlay.h"

#include <stdlib.h>

#include "check.h"
#include "scratch.h"

enum { MODEL_MAX = 4000, KEY_MAX = 6, VALUE_MAX = 40 };

struct item {
	uint8_t db;
	uint8_t key[KEY_MAX];
	size_t key_size;
	bool is_removed;
	uint8_t value[VALUE_MAX];
	size_t value_size;
};

struct model {
	struct item items[MODEL_MAX];
	size_t count;
};

static int order(const struct item *item, uint8_t db, const uint8_t *key, size_t key_size)
{
	if (item->db != db)
		return item->db < db ? -1 : 1;
	return key_compare(item->key, item->key_size, key, key_size);
}

/* The first item at or behind the key. */
static size_t find(const struct model *model, uint8_t db, const uint8_t *key, size_t key_size)
{
	size_t at = 0;

	while (at < model->count && order(&model->items[at], db, key, key_size) < 0)
		at++;
	return at;
}

static void model_put(struct model *model, const struct item *item)
{
	size_t at = find(model, item->db, item->key, item->key_size);

	if (at == model->count ||
	    order(&model->items[at], item->db, item->key, item->key_size) != 0) {
		assert_true(model->count < MODEL_MAX);
		memmove(&model->items[at + 1], &model->items[at],
			(model->count - at) * sizeof(*item));
		model->count++;
	}
	model->items[at] = *item;
}

/* Few different keys, many of them the beginning of another. */
static void any_item(struct rng *rng, struct item *item)
{
	memset(item, 0, sizeof(*item));
	item->db = (uint8_t)rng_below(rng, 3);
	item->key_size = 1 + rng_below(rng, KEY_MAX);
	for (size_t i = 0; i < item->key_size; i++)
		item->key[i] = (uint8_t)(rng_below(rng, 3) * 127);
	item->is_removed = rng_below(rng, 4) == 0;
	if (!item->is_removed) {
		item->value_size = rng_below(rng, VALUE_MAX + 1);
		rng_fill(rng, item->value, item->value_size);
	}
}

static void assert_is(const struct overlay_entry *entry, const struct model *model, size_t at)
{
	const struct item *item;

	if (at >= model->count) {
		assert_null(entry);
		return;
	}
	item = &model->items[at];
	assert_non_null(entry);
	assert_int_equal(order(item, entry->db, entry->key, entry->key_size), 0);
	assert_int_equal(entry->is_removed, item->is_removed);
	assert_int_equal(entry->value_size, item->value_size);
	if (item->value_size > 0)
		assert_memory_equal(entry->value, item->value, item->value_size);
}

static void assert_same_everywhere(const struct overlay *overlay, const struct model *model)
{
	const struct overlay_entry *entry = overlay_first(overlay);

	for (size_t at = 0; at < model->count; at++) {
		assert_is(entry, model, at);
		entry = overlay_next(entry);
	}
	assert_null(entry);
}

static void a_thousand_random_changes_agree_with_the_model(void **state)
{
	struct model *model = calloc(1, sizeof(*model));
	struct rng rng;

	(void)state;
	rng_init(&rng, "overlay");
	for (unsigned round = 0; round < rounds(8); round++) {
		struct overlay *overlay = overlay_open();

		model->count = 0;
		for (unsigned step = 0; step < 1000; step++) {
			struct item item;
			size_t at;

			any_item(&rng, &item);
			assert_true(overlay_put(overlay, item.db, item.key, item.key_size,
						item.is_removed ? NULL : item.value,
						item.value_size));
			model_put(model, &item);
			any_item(&rng, &item);
			at = find(model, item.db, item.key, item.key_size);
			assert_is(overlay_seek(overlay, item.db, item.key, item.key_size), model,
				  at);
			if (at < model->count &&
			    order(&model->items[at], item.db, item.key, item.key_size) == 0) {
				assert_is(overlay_get(overlay, item.db, item.key, item.key_size),
					  model, at);
				assert_is(overlay_seek_back(overlay, item.db, item.key,
							    item.key_size),
					  model, at);
			} else {
				assert_null(overlay_get(overlay, item.db, item.key, item.key_size));
				assert_is(overlay_seek_back(overlay, item.db, item.key,
							    item.key_size),
					  model, at == 0 ? SIZE_MAX : at - 1);
			}
		}
		assert_same_everywhere(overlay, model);
		overlay_close(overlay);
	}
	free(model);
}

static void an_empty_overlay_has_nothing_anywhere(void **state)
{
	struct overlay *overlay = overlay_open();

	(void)state;
	assert_null(overlay_first(overlay));
	assert_null(overlay_get(overlay, 0, "k", 1));
	assert_null(overlay_seek(overlay, 0, "", 0));
	assert_null(overlay_seek_back(overlay, 255, "k", 1));
	assert_int_equal(overlay_bytes(overlay), 0);
	overlay_close(overlay);
	overlay_close(NULL);
}

static void a_removal_is_an_entry_and_a_later_value_takes_its_place(void **state)
{
	struct overlay *overlay = overlay_open();
	const struct overlay_entry *entry;

	(void)state;
	assert_true(overlay_put(overlay, 1, "k", 1, NULL, 0));
	entry = overlay_get(overlay, 1, "k", 1);
	assert_non_null(entry);
	assert_true(entry->is_removed);
	assert_true(overlay_put(overlay, 1, "k", 1, "value", 5));
	entry = overlay_get(overlay, 1, "k", 1);
	assert_false(entry->is_removed);
	assert_memory_equal(entry->value, "value", 5);
	assert_null(overlay_next(entry));
	assert_true(overlay_put(overlay, 1, "k", 1, "", 0)); /* an empty value is a value */
	assert_false(overlay_get(overlay, 1, "k", 1)->is_removed);
	overlay_close(overlay);
}

static void keys_and_values_are_copies(void **state)
{
	struct overlay *overlay = overlay_open();
	char key[] = "key", value[] = "value";

	(void)state;
	assert_true(overlay_put(overlay, 0, key, 3, value, 5));
	memset(key, 'x', 3);
	memset(value, 'x', 5);
	assert_non_null(overlay_get(overlay, 0, "key", 3));
	assert_memory_equal(overlay_get(overlay, 0, "key", 3)->value, "value", 5);
	overlay_close(overlay);
}

static void a_value_larger_than_a_chunk_fits_and_is_counted(void **state)
{
	struct overlay *overlay = overlay_open();
	uint8_t *large = malloc(300000);

	(void)state;
	memset(large, 5, 300000);
	assert_true(overlay_put(overlay, 0, "large", 5, large, 300000));
	assert_true(overlay_put(overlay, 0, "small", 5, "s", 1));
	assert_memory_equal(overlay_get(overlay, 0, "large", 5)->value, large, 300000);
	assert_true(overlay_bytes(overlay) >= 300000 && overlay_bytes(overlay) < 600000);
	overlay_close(overlay);
	free(large);
}

static void keys_are_ordered_as_lmdb_orders_them(void **state)
{
	(void)state;
	assert_true(key_compare("a", 1, "b", 1) < 0);
	assert_true(key_compare("b", 1, "a", 1) > 0);
	assert_true(key_compare("a", 1, "aa", 2) < 0);
	assert_true(key_compare("aa", 2, "a", 1) > 0);
	assert_true(key_compare("\xff", 1, "\x01\x01", 2) > 0); /* bytes without sign */
	assert_int_equal(key_compare("ab", 2, "ab", 2), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thousand_random_changes_agree_with_the_model),
		cmocka_unit_test(an_empty_overlay_has_nothing_anywhere),
		cmocka_unit_test(a_removal_is_an_entry_and_a_later_value_takes_its_place),
		cmocka_unit_test(keys_and_values_are_copies),
		cmocka_unit_test(a_value_larger_than_a_chunk_fits_and_is_counted),
		cmocka_unit_test(keys_are_ordered_as_lmdb_orders_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
