#!/usr/bin/env bash
# HashiCorp Vault 1.14.1, the last line under MPL-2.0, built from its Go module by vault/main.go: real tokens, policies
# the versioned key-value engine at kv/ and the database engine at database/. `start DIR`, `stop DIR`, or `build` alone.
NAME=vault
VERSION=1.14.1
# shellcheck source=tests/real/server.sh
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"

# Builds the program once per content of its sources and prints where it is.
build() {
    local sum program go
    sum="$(cat "$HERE"/vault/main.go "$HERE"/vault/go.mod "$HERE"/vault/go.sum | sha256sum | cut -c1-16)"
    program="$CACHE/vault-$VERSION-$sum"
    if [ ! -x "$program" ]; then
        go="$(go_program)"
        say "building $VERSION, some minutes the first time"
        mkdir -p "$CACHE"
        (cd "$HERE/vault" && CGO_ENABLED=0 GOFLAGS=-mod=readonly GOTOOLCHAIN=local nice -n 10 "$go" build -p 2 -trimpath -ldflags='-s -w' -o "$program.part" .) >&2 \
            || fail "cannot build Vault $VERSION"
        mv "$program.part" "$program"
    fi
    echo "$program"
}

start() {
    local program port pid
    program="$(build)"
    secret_file "$RUN_DIR/vault.token"
    need_python
    # The server picks its own free port and says which.
    "$program" -listen 127.0.0.1:0 -token-file "$RUN_DIR/vault.token" -key-file "$RUN_DIR/vault.key" >"$RUN_DIR/vault.log" 2>&1 </dev/null &
    pid=$!
    echo "$pid" >"$RUN_DIR/vault.pid"
    wait_for 60 "$pid" grep -q '^serving on ' "$RUN_DIR/vault.log" || { tail -n 20 "$RUN_DIR/vault.log" >&2; fail "the server did not start"; }
    port="$(sed -n 's#^serving on http://127\.0\.0\.1:##p' "$RUN_DIR/vault.log")"
    wait_for 30 "$pid" answers "http://127.0.0.1:$port/v1/sys/health" || fail "the server does not answer"
    python3 "$HERE/vault_check.py" "http://127.0.0.1:$port" "$RUN_DIR/vault.token" || fail "the server does not behave as the tests expect"
    remember STANCH_TEST_VAULT_URL="http://127.0.0.1:$port" STANCH_TEST_VAULT_TOKEN_FILE="$RUN_DIR/vault.token" STANCH_TEST_VAULT_MOUNT=kv
    describe real "$VERSION" "127.0.0.1:$port"
}

stop() { stop_server TERM; }

if [ "${1:-}" = build ]; then build; else main "$@"; fi
