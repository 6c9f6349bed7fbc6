#!/bin/bash
# The dependency rules: who may include what.
#
#   tools, fs/driver -> include <- fs/store, and within fs/store only downwards.
#
# Prints each breach as FILE:LINE: sentence; exit 1 if there was one.

set -euo pipefail
shopt -s nullglob

cd "$(dirname "$0")/.."

# Layer of each module of fs/store.  A file belongs to the module with the longest
# name that it begins with: index_tiles.c is part of index.  It may include its own
# module and lower layers.  `body=record`: body.c is the second source of record.
layers=(
	"0 bytes format error"
	"1 io hash overlay record body=record"
	"2 block frame merkle vkey lmdb_read"
	"3 segment key index lost note proof"
	"4 log catalog walk seal tlog succession"
	"5 identity recover verify query reader tree"
	"6 checkpoint consistency export evidence"
	"7 store"
)

# What one kind of header or call is reserved for.  `|` separates globs.
reserved=(
	"fuse[a-z0-9_/]*\.h   fs/driver/*                                  libfuse"
	"openssl/             fs/store/hash*|tests/*                       libcrypto"
	"pcre2\.h             tools/match*                                 PCRE2"
	"lmdb\.h              fs/store/index*|fs/store/lmdb*|tests/*       LMDB"
)
signing_pattern='crypto_sign_?[a-z0-9_]*'
signing_files='fs/store/key*|fs/store/vkey*|tests/*'

breaches=0

breach() {
	echo "$*"
	breaches=$((breaches + 1))
}

matches() { # PATH GLOB|GLOB…
	local glob globs
	IFS='|' read -r -a globs <<<"$2"
	for glob in "${globs[@]}"; do
		# shellcheck disable=SC2053 # a pattern is meant
		[[ $1 == $glob ]] && return 0
	done
	return 1
}

# Lines "NUMBER HEADER" of one file.
includes_of() {
	sed -nE '/^[ \t]*#[ \t]*include[ \t]*[<"]/{
		=
		s/^[^<"]*[<"]([^>"]*)[>"].*/\1/p
	}' "$1" | paste -d ' ' - -
}

module_of() { # STEM: sets module and layer, or returns 1
	local row word name longest=
	module=
	layer=
	for row in "${layers[@]}"; do
		for word in ${row#* }; do
			name=${word%%=*}
			if [[ $1 == "$name" || $1 == "$name"_* ]] &&
				((${#name} > ${#longest})); then
				longest=$name
				module=${word##*=}
				layer=${row%% *}
			fi
		done
	done
	[[ -n $module ]]
}

stem_of() {
	local name=${1##*/}
	echo "${name%.*}"
}

is_public() { [[ -e include/$1 ]]; }

# Tools, driver and public headers: the contract and their own folder.
check_door() {
	local file=$1 line header
	while read -r line header; do
		case $header in
		*..*) breach "$file:$line: \"$header\" climbs out of its folder" ;;
		esac
		is_public "$header" && continue
		[[ -e ${file%/*}/$header && $file != include/* ]] && continue
		if [[ $file == tools/mount_inkfs.c && -e fs/driver/$header ]]; then
			continue
		fi
		if [[ -e fs/store/${header##*/} || -e fs/driver/${header##*/} ]]; then
			breach "$file:$line: $header is private; only include/ is for you"
		fi
	done < <(includes_of "$file")
}

check_downwards() {
	local file=$1 line header own_module own_layer
	if ! module_of "$(stem_of "$file")"; then
		breach "$file:1: module not in the table of scripts/check_layers.sh"
		return
	fi
	own_module=$module
	own_layer=$layer
	while read -r line header; do
		case $header in
		*..* | */driver/* | */tools/*)
			breach "$file:$line: $header is outside of fs/store"
			;;
		esac
		[[ -e fs/store/$header ]] || continue
		module_of "$(stem_of "$header")" || continue # said at its own file
		if [[ $module != "$own_module" ]] && ((layer >= own_layer)); then
			breach "$file:$line: $own_module (layer $own_layer) includes $module (layer $layer)"
		fi
	done < <(includes_of "$file")
}

check_reserved() {
	local file=$1 row pattern files what line header
	for row in "${reserved[@]}"; do
		read -r pattern files what <<<"$row"
		matches "$file" "$files" && continue
		while read -r line header; do
			if [[ $header =~ ^$pattern ]]; then
				breach "$file:$line: $header: $what belongs to $files"
			fi
		done < <(includes_of "$file")
	done
	matches "$file" "$signing_files" && return
	while IFS=: read -r line header; do
		breach "$file:$line: $header: signing belongs to $signing_files"
	done < <(grep -noE "\\b$signing_pattern\\(" "$file")
}

# The limits that the benchmarks measure against are made of the same libraries.
is_bench_fuse() { [[ $1 =~ ^tests/bench/(serve|emptyfs|passfs|naive)\. ]]; }

files=(include/*.h include/*/*.h fs/*/*.[ch] tools/*.[ch] tests/*/*.[ch])
for file in "${files[@]}"; do
	case $file in
	include/* | fs/driver/* | tools/*) check_door "$file" ;;
	fs/store/*) check_downwards "$file" ;;
	esac
	is_bench_fuse "$file" || check_reserved "$file"
done

echo "${#files[@]} files, $breaches breaches"
((breaches == 0))
