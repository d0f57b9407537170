#!/usr/bin/env bash
# Redis: an empty server with an ACL file on a loopback port. `start DIR` or `stop DIR`.
NAME=redis
# shellcheck source=tests/real/server.sh
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"

# The package would start a server of its own, which nobody wants here; what refuses that is taken away again.
install_server() {
    local refuses=/usr/sbin/policy-rc.d
    if [ ! -e "$refuses" ]; then
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$refuses" >/dev/null && as_root chmod 755 "$refuses"
        trap 'as_root rm -f /usr/sbin/policy-rc.d' EXIT
    fi
    install_packages redis-server
}

start() {
    local data port pid attempt
    command -v redis-server >/dev/null && command -v redis-cli >/dev/null || install_server
    command -v redis-server >/dev/null || fail "the server's program is not there after installing it"

    data="$RUN_DIR/redis"
    rm -rf "$data"
    mkdir -m 700 "$data"
    secret_file "$RUN_DIR/redis.password"

    for attempt in 1 2 3; do
        port="$(free_port)"
        (
            umask 077
            printf 'user default off resetpass -@all\nuser admin on >%s ~* &* +@all\n' "$(cat "$RUN_DIR/redis.password")" >"$data/users.acl"
            printf 'bind 127.0.0.1\nport %s\nsave ""\ndir %s\naclfile %s/users.acl\n' "$port" "$data" "$data" >"$data/redis.conf"
        )
        redis-server "$data/redis.conf" >"$RUN_DIR/redis.log" 2>&1 &
        pid=$!
        wait_for 20 "$pid" listens "$port" && break
        end_pid "$pid" TERM
        [ "$attempt" -lt 3 ] || { tail -n 20 "$RUN_DIR/redis.log" >&2; fail "the server did not start"; }
    done
    echo "$pid" >"$RUN_DIR/redis.pid"

    remember STANCH_TEST_REDIS_HOST=127.0.0.1 STANCH_TEST_REDIS_PORT="$port" STANCH_TEST_REDIS_ADMIN=admin \
        STANCH_TEST_REDIS_PASSWORD_FILE="$RUN_DIR/redis.password" STANCH_TEST_REDIS_ACL="$data/users.acl"
    describe real "$(redis-server --version | sed 's/.* v=\([0-9.]*\).*/\1/')" "127.0.0.1:$port"
}

# Whether the server answers, were it only that one must log in.
listens() { redis-cli -h 127.0.0.1 -p "$1" ping 2>&1 | grep -Eq 'PONG|NOAUTH'; }

stop() {
    stop_server TERM
    rm -rf "$RUN_DIR/redis"
}

main "$@"
