/* SPDX-License-Identifier: MIT */
#include "scene.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "mounted.h"
#include "scratch.h"
#include "trial.h"

/* The operations that a scene is made of, through the mount or straight into the store. */
struct hand {
	struct mounted *mounted; /* NULL: the library */
	struct ink_store *store;
	char path[PATH_MAX]; /* of the store */
};

static const struct ink_caller somebody = { .uid = 1000, .gid = 1000 };

static void hand_open(struct hand *hand)
{
	struct ink_options options = trial_quiet();

	options.profile = INK_PROFILE_ROTATE;
	if (hand->mounted)
		mounted_start(hand->mounted,
			      "profile=rotate,epoch=3600,seal-interval=60000,sync-interval=60000");
	else
		hand->store = trial_open(hand->path, &options);
}

static void hand_close(struct hand *hand)
{
	if (hand->mounted)
		mounted_stop(hand->mounted);
	else
		trial_close(hand->store);
	hand->store = NULL;
}

static void hand_kill(struct hand *hand)
{
	if (hand->mounted)
		mounted_kill(hand->mounted);
	else
		trial_abandon(hand->store);
	hand->store = NULL;
}

static uint64_t inode_of(struct hand *hand, const char *path, char *ret_name)
{
	uint64_t inode = INK_ROOT_INODE;
	struct ink_attr attr;
	const char *slash;

	while ((slash = strchr(path, '/'))) {
		snprintf(ret_name, INK_NAME_SIZE_MAX + 1, "%.*s", (int)(slash - path), path);
		assert_ok(ink_lookup(hand->store, inode, ret_name, &attr));
		inode = attr.inode;
		path = slash + 1;
	}
	snprintf(ret_name, INK_NAME_SIZE_MAX + 1, "%s", path);
	return inode;
}

static void hand_mkdir(struct hand *hand, const char *path)
{
	char name[INK_NAME_SIZE_MAX + 1];
	struct ink_attr attr;

	if (hand->mounted)
		assert_int_equal(mkdir(mounted_path(hand->mounted, path), 0755), 0);
	else
		assert_ok(ink_make(hand->store, &somebody, inode_of(hand, path, name), name,
				   S_IFDIR | 0755, NULL, &attr));
}

static void hand_write(struct hand *hand, const char *path, const char *text, bool is_sync)
{
	char name[INK_NAME_SIZE_MAX + 1];
	struct ink_attr attr;
	uint64_t folder;
	int fd;

	if (hand->mounted) {
		fd = open(mounted_path(hand->mounted, path), O_WRONLY | O_APPEND | O_CREAT, 0644);
		assert_true(fd >= 0);
		assert_int_equal(write(fd, text, strlen(text)), strlen(text));
		assert_true(!is_sync || fsync(fd) == 0);
		assert_int_equal(close(fd), 0);
		return;
	}
	folder = inode_of(hand, path, name);
	if (ink_lookup(hand->store, folder, name, &attr) != INK_OK)
		assert_ok(ink_make(hand->store, &somebody, folder, name, S_IFREG | 0644, NULL,
				   &attr));
	assert_ok(ink_append(hand->store, &somebody, attr.inode, INK_AT_END, text, strlen(text),
			     is_sync));
	assert_ok(ink_seal(hand->store, attr.inode));
}

static void hand_rename(struct hand *hand, const char *from, const char *to)
{
	char name[INK_NAME_SIZE_MAX + 1], new_name[INK_NAME_SIZE_MAX + 1];
	uint64_t folder;

	if (hand->mounted) {
		assert_int_equal(
			rename(mounted_path(hand->mounted, from), mounted_path(hand->mounted, to)),
			0);
		return;
	}
	folder = inode_of(hand, from, name);
	assert_ok(ink_rename(hand->store, &somebody, folder, name, inode_of(hand, to, new_name),
			     new_name, 0));
}

static void hand_is_refused(struct hand *hand, const char *path)
{
	char name[INK_NAME_SIZE_MAX + 1];

	if (hand->mounted)
		assert_true(unlink(mounted_path(hand->mounted, path)) != 0 && errno == EPERM);
	else
		assert_err(INK_ERR_DENIED, ink_unlink(hand->store, &somebody,
						      inode_of(hand, path, name), name, false));
}

/* --- the past -------------------------------------------------------------------------------- */

static void take_note(const char *store, struct scene_note *ret_note)
{
	struct ink_error error;

	if (ink_checkpoint_make(store, NULL, ret_note->text, &ret_note->size, &error) != INK_OK)
		fail_msg("checkpoint: %s", error.text);
}

/* As one copies a store that is in use: the index first. */
static void copy_live(const char *from, const char *to)
{
	char a[PATH_MAX], b[PATH_MAX], kept[PATH_MAX];

	snprintf(kept, sizeof(kept), "%.4000s.index", to);
	scratch_path(from, "index", a);
	tree_copy(a, kept);
	tree_copy(from, to);
	scratch_path(to, "index", b);
	tree_remove(b);
	tree_copy(kept, b);
	tree_remove(kept);
}

static void first_session(struct hand *hand)
{
	hand_open(hand);
	hand_mkdir(hand, "web");
	hand_write(hand, "web/access.log", "GET /one\n", false);
	for (int i = 0; i < 3; i++)
		hand_write(hand, "web/access.log", "the same line\n", false);
	hand_write(hand, "app.log", "application began\n", false);
	hand_close(hand);
}

static void second_session(struct hand *hand)
{
	hand_open(hand);
	hand_mkdir(hand, "db");
	hand_write(hand, "db/query.log", "select secret\n", true);
	hand_write(hand, "app.log", "somebody logged in\n", false);
	hand_is_refused(hand, "app.log");
	hand_rename(hand, "web/access.log", "web/access.1");
	hand_write(hand, "web/access.log", "GET /two\n", true);
	hand_close(hand);
}

static void sessions(struct scene *scene, struct hand *hand)
{
	first_session(hand);
	tree_copy(hand->path, scene->old);
	take_note(hand->path, &scene->note_old);
	second_session(hand);
	hand_open(hand);
	hand_write(hand, "app.log", "a third session\n", true);
	hand_close(hand);
	hand_open(hand);
	hand_write(hand, "app.log", "now it is T\n", true);
	copy_live(hand->path, scene->at_t);
	take_note(hand->path, &scene->note_t);
	hand_write(hand, "app.log", "written after T\n", false);
	hand_kill(hand);
	tree_copy(hand->path, scene->killed);
	hand_open(hand);
	hand_write(hand, "app.log", "the end\n", true);
	hand_close(hand);
	tree_copy(hand->path, scene->closed);
	take_note(hand->path, &scene->note_closed);
}

static void make_store(const char *path, const char *origin, char *ret_vkey)
{
	const struct ink_init_options options = { .origin = origin,
						  .segment_size = 2 << 20,
						  .root_mode = 0777 };
	struct ink_error error;

	if (ink_store_init(path, &options, ret_vkey, &error) != INK_OK)
		fail_msg("init: %s", error.text);
}

void scene_init(struct scene *scene, bool is_mounted)
{
	static const char origin[] = "example.org/scene";
	static struct mounted mounted;
	char vkey[INK_VKEY_SIZE];
	struct hand hand = { .mounted = is_mounted ? &mounted : NULL }, other = { 0 };

	memset(scene, 0, sizeof(*scene));
	scratch_dir_in_memory(scene->dir);
	scratch_path(scene->dir, "closed", scene->closed);
	scratch_path(scene->dir, "old", scene->old);
	scratch_path(scene->dir, "at_t", scene->at_t);
	scratch_path(scene->dir, "killed", scene->killed);
	scratch_path(scene->dir, "other", scene->other);
	scratch_path(scene->dir, "copy", scene->copy);
	scratch_path(scene->dir, "store", hand.path);
	if (is_mounted) {
		mounted_init(&mounted);
		tree_remove(mounted.store);
		memcpy(hand.path, mounted.store, sizeof(hand.path));
	}
	make_store(hand.path, origin, scene->vkey);
	sessions(scene, &hand);
	if (is_mounted)
		mounted_release(&mounted);
	else
		tree_remove(hand.path);
	make_store(scene->other, origin, vkey);
	memcpy(other.path, scene->other, sizeof(other.path));
	first_session(&other);
	second_session(&other);
}

void scene_release(struct scene *scene)
{
	tree_remove(scene->dir);
}

void scene_take(struct scene *scene, const char *store)
{
	tree_remove(scene->copy);
	tree_copy(store, scene->copy);
}
