#!/bin/bash
# The second reading of fs/store/FORMAT.md by itself: verify.py on stores that
# writer.py makes by the same page, good, damaged and forged.

set -euo pipefail

cd "$(dirname "$0")/../.."

python=/usr/bin/python3
"$python" -c 'import nacl.signing' 2>/dev/null || {
	echo "no $python with python3-nacl"
	exit 77
}

export PYTHONDONTWRITEBYTECODE=1
exec "$python" tests/format/test_verifier.py
