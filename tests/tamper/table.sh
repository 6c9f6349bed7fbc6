#!/bin/bash
# The table of attacks in SECURITY.md is the one that the test prints.

set -euo pipefail

cd "$(dirname "$0")/../.."

diff <(grep -E '^\| (class|---|[0-9]+) \|' SECURITY.md | sed -n '/^| class /,$p') \
	<("${BUILD:-build}/tests/tamper/test_attacks" --table) || {
	echo "SECURITY.md, 'What was tried': put in what 'test_attacks --table' prints"
	exit 1
}
