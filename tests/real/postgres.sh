#!/usr/bin/env bash
# PostgreSQL: a fresh cluster with SCRAM passwords on a loopback port. `start DIR` or `stop DIR`.
NAME=postgres
# shellcheck source=tests/real/server.sh
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"

# Prints the folder of the newest installed server programs.
programs() {
    local folder
    for folder in $(ls -d /usr/lib/postgresql/*/bin /usr/pgsql-*/bin 2>/dev/null | sort -rV); do
        [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ] && { echo "$folder"; return; }
    done
    command -v initdb >/dev/null && command -v postgres >/dev/null && { dirname "$(command -v initdb)"; return; }
    return 1
}

# The server refuses to run as root, so root hands it to the account that the package made.
as_server() {
    if [ "$(id -u)" -eq 0 ]; then (cd / && runuser -u postgres -- "$@"); else "$@"; fi
}

start() {
    local bin data port pid attempt
    if ! bin="$(programs)"; then
        # The package would start a cluster of its own; only the programs are wanted.
        if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
            install_packages postgresql-common
        fi
        as_root sed -i 's/^#\?create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf || true
        install_packages postgresql
        bin="$(programs)" || fail "the server's programs are not where they are expected after installing them"
    fi

    chmod 711 "$RUN_DIR"
    data="$RUN_DIR/postgres"
    rm -rf "$data"
    mkdir -m 700 "$data"
    secret_file "$RUN_DIR/postgres.password"
    (umask 077; cat "$RUN_DIR/postgres.password" >"$data/password")
    [ "$(id -u)" -ne 0 ] || chown -R postgres "$data"

    as_server "$bin/initdb" -D "$data/cluster" -A scram-sha-256 -U admin --pwfile="$data/password" -E UTF8 --locale=C --no-sync >"$RUN_DIR/postgres.log" 2>&1 \
        || fail "initdb failed, see $RUN_DIR/postgres.log"
    rm -f "$data/password"

    for attempt in 1 2 3; do
        port="$(free_port)"
        as_server "$bin/pg_ctl" -D "$data/cluster" -l "$data/server.log" -w -t 60 -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c log_connections=on -c log_disconnections=on -c log_min_error_statement=panic -c fsync=off" start \
            >>"$RUN_DIR/postgres.log" 2>&1 && break
        [ "$attempt" -lt 3 ] || { tail -n 20 "$data/server.log" >&2 || true; fail "the server did not start"; }
    done
    pid="$(as_server head -n 1 "$data/cluster/postmaster.pid")"
    echo "$pid" >"$RUN_DIR/postgres.pid"

    remember STANCH_TEST_PG_HOST=127.0.0.1 STANCH_TEST_PG_PORT="$port" STANCH_TEST_PG_ADMIN=admin \
        STANCH_TEST_PG_DATABASE=postgres STANCH_TEST_PG_PASSWORD_FILE="$RUN_DIR/postgres.password" \
        STANCH_TEST_PG_LOG="$data/server.log"
    describe real "$("$bin/postgres" --version | sed 's/^postgres (PostgreSQL) //; s/ .*//')" "127.0.0.1:$port"
}

stop() {
    stop_server INT
    rm -rf "$RUN_DIR/postgres"
}

main "$@"
