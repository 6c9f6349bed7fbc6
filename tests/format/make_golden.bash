#!/bin/bash
# Make the golden stores of the present format anew.  Only before that format is released:
# afterwards they are what later versions must be able to read.
#
#   tests/format/make_golden.bash

set -euo pipefail

cd "$(dirname "$0")/../.."

BUILD=$(realpath -m "${BUILD:-build}")
golden=tests/data/golden
version=v1
shapes=(small recovered torn killed)

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${CC:-gcc}" -std=gnu11 -Iinclude -o "$dir/mkformat" tests/format/mkformat.c \
	"$BUILD/libinkfs.a" -lcrypto -lsodium -llmdb
: >"$dir/list.txt"
for shape in "${shapes[@]}"; do
	key=$("$dir/mkformat" "$shape" "$dir/$shape")
	"$BUILD/inkfs" verify --json --key "$key" "$dir/$shape" >"$dir/verdict.json"
	/usr/bin/python3 - "$dir/verdict.json" "$version-$shape" "$key" <<'P' >>"$dir/list.txt"
import json, sys
result = json.load(open(sys.argv[1]))["result"]
print(sys.argv[2], result["records"], result["root"], str(result["closed"]).lower(), sys.argv[3])
P
	tar -C "$dir" --owner=0 --group=0 --numeric-owner --sort=name -cJf \
		"$golden/$version-$shape.tar.xz" "$shape"
done
sed -i "/^$version-/d" "$golden/list.txt"
cat "$dir/list.txt" >>"$golden/list.txt"
