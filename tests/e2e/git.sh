#!/bin/bash
# git writes its reflog and its traces: logs/ of a repository is a link into the mount, and
# GIT_TRACE2 names a file, and a folder, there.

# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"
need git python3

export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=$TEST_TMPDIR/gitconfig HOME=$TEST_TMPDIR
git config --global user.name "Some Body"
git config --global user.email body@example.org
git config --global init.defaultBranch main
git config --global gc.auto 0

# The same dates give the same commits, and so the same reflog, byte for byte.
commit() { # DIR TEXT
	git -C "$1" commit -q --allow-empty -m "$2"
}

history() { # FOLDER START
	local repo=repo-${1##*/} i
	local -x GIT_AUTHOR_DATE="170000000$2 +0000" GIT_COMMITTER_DATE="170000000$2 +0000"
	if [[ ! -d $repo ]]; then
		git init -q "$repo"
		mkdir "$1/reflog"
		rm -rf "$repo/.git/logs"
		ln -s "$1/reflog" "$repo/.git/logs"
	fi
	for ((i = 0; i < 12; i++)); do
		commit "$repo" "start $2, commit $i"
	done
	git -C "$repo" checkout -q -b "topic/$2" HEAD~3
	commit "$repo" "ünïcödé on a branch"
	git -C "$repo" checkout -q main
	git -C "$repo" merge -q --no-edit "topic/$2" -m "merge $2"
	git -C "$repo" reset -q --hard HEAD~1
	git -C "$repo" reset -q --hard 'HEAD@{1}'
}

mount_store strict
for dir in "$mnt" "$plain"; do
	history "$dir" 1
	history "$dir" 2
done
compare_all
(($(wc -l <"$mnt/reflog/HEAD") == 36)) || fail "reflog of HEAD: $(wc -l <"$mnt/reflog/HEAD") entries"
[[ -s $mnt/reflog/refs/heads/topic/2 ]] || fail "no reflog of a branch"
written_by git reflog/HEAD
diff <(git -C repo-mnt reflog) <(git -C repo-plain reflog) >&2 || fail "git reads another reflog"

# Times, processes and folders are of each run; what remains is what git was asked and did.
what_happened() {
	python3 -c '
import json, sys
for line in sys.stdin:
    event = json.loads(line)
    print(event["event"], event["thread"], event.get("argv"), event.get("code"),
          event.get("name"), event.get("category"), event.get("label"))' |
		sed 's/repo-[a-z]*/REPO/g'
}
without_times() {
	sed 's/^[0-9:.]* [^ ]* *//; s/elapsed:[0-9.]*//; s/repo-[a-z]*/REPO/g; s/  */ /g'
}

for dir in "$mnt" "$plain"; do
	mkdir "$dir/traces"
	for command in status "log --oneline" "branch --list" status; do
		read -r -a words <<<"$command"
		GIT_TRACE2=$dir/trace2.log GIT_TRACE2_EVENT=$dir/trace2.json \
			git -C "repo-${dir##*/}" "${words[@]}" >/dev/null
		GIT_TRACE2_EVENT=$dir/traces git -C "repo-${dir##*/}" "${words[@]}" >/dev/null
	done
done
compare_as without_times trace2.log
compare_as what_happened trace2.json
(($(grep -c '"event":"exit"' "$mnt/trace2.json") == 4)) || fail "trace2.json: an end is missing"
(($(files_of "$mnt/traces" | wc -l) == 4)) || fail "GIT_TRACE2_EVENT=folder: not a file a process"
for dir in "$mnt" "$plain"; do
	cat "$dir"/traces/* | what_happened | sort >"${dir##*/}.traces"
done
diff mnt.traces plain.traces >&2 || fail "traces: the mount and the plain folder differ"
mapfile -t traces < <(files_of "$mnt/traces")
"$inkfs" cat "$store" "${traces[@]/#/traces/}" | cmp - <(cat "$mnt"/traces/*) ||
	fail "traces: 'inkfs cat' and the mount differ"
finish 0
