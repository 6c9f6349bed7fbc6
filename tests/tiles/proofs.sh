#!/bin/bash
# The proofs inside of evidence, and consistency proofs, are proofs to golang.org/x/mod/sumdb.

# shellcheck source=tests/tiles/lib.sh
source "$(dirname "$0")/lib.sh"
need_mkstore

run 0 "$inkfs" init st --origin example.org/log
cp out vkey
key=$(<vkey)
run 0 "$inkfs" checkpoint st
cp out cp.old
./mkstore st many=600
run 0 "$inkfs" checkpoint st
cp out cp.new
last=$(($(sed -n 2p cp.new) - 1))

for seqs in 0-3 255-257 511-513 "$((last - 2))-$last"; do
	rm -rf parts
	run 0 "$inkfs" prove st --seq "$seqs" -o evidence
	run 0 "$inkfs" check evidence --key "$key" --extract parts
	for entry in parts/*.entry; do
		run 0 ./tilecheck inclusion "$key" "$entry" "${entry%.entry}.tlog-proof"
		out_is <<<included
	done
	rm evidence
done
run 1 ./tilecheck inclusion "$key" "parts/$last.entry" "parts/$((last - 1)).tlog-proof"

for old in cp.old cp.new; do
	run 0 "$inkfs" consistency $old st cp.new
	cp out grown
	run 0 ./tilecheck consistency "$key" $old grown
	out_is <<<consistent
done
run 1 ./tilecheck consistency "$key" cp.old grown
