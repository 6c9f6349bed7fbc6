# shellcheck shell=bash
# For the tests with golang.org/x/mod/sumdb; they source it.  Everything of tests/cli/lib.sh, and ./tilecheck.

# shellcheck source=tests/cli/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"

command -v go >/dev/null || skip "go is not installed"
[[ -d /usr/share/gocode/src/golang.org/x/mod/sumdb/tlog ]] ||
	skip "golang-golang-x-mod-dev is not installed"

GOCACHE=$BUILD/go-cache GOPATH=/usr/share/gocode GO111MODULE=off GOFLAGS='' GOPROXY=off \
	go build -o tilecheck "$top/tests/tiles/tilecheck.go" || fail "cannot build tilecheck.go"
