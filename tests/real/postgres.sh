#!/usr/bin/env bash
# PostgreSQL: a fresh cluster with SCRAM passwords on a loopback port, with TLS for whoever asks for it, and a frail one
# beside it without TLS, which a test crashes and starts again with the program that is named to it. `start DIR` or `stop DIR`.
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

# cluster NAME OPTION…: makes and starts a cluster of its own in RUN_DIR/NAME; sets PORT and PID.
cluster() {
    local name="$1" data="$RUN_DIR/$1" attempt
    shift
    rm -rf "$data"
    mkdir -m 700 "$data"
    (umask 077; cat "$RUN_DIR/postgres.password" >"$data/password")
    [ "$(id -u)" -ne 0 ] || chown -R postgres "$data"

    as_server "$BIN/initdb" -D "$data/cluster" -A scram-sha-256 -U admin --pwfile="$data/password" -E UTF8 --locale=C --no-sync >>"$RUN_DIR/postgres.log" 2>&1 \
        || fail "initdb of $name failed, see $RUN_DIR/postgres.log"
    rm -f "$data/password"

    for attempt in 1 2 3; do
        PORT="$(free_port)"
        as_server "$BIN/pg_ctl" -D "$data/cluster" -l "$data/server.log" -w -t 60 -o "-p $PORT -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c log_connections=on -c log_disconnections=on -c log_min_error_statement=panic $*" start \
            >>"$RUN_DIR/postgres.log" 2>&1 && break
        [ "$attempt" -lt 3 ] || { tail -n 20 "$data/server.log" >&2 || true; fail "the server did not start"; }
    done
    PID="$(as_server head -n 1 "$data/cluster/postmaster.pid")"
}

# The program that crashes the frail cluster and waits until it is back; what was acknowledged was on its disk.
crash_program() {
    local as="" frail="$RUN_DIR/postgres-frail"
    [ "$(id -u)" -ne 0 ] || as="runuser -u postgres --"
    printf '#!/bin/sh\ncd / && exec %s "%s/pg_ctl" -D "%s/cluster" -l "%s/server.log" -w -t 60 -m immediate restart\n' \
        "$as" "$BIN" "$frail" "$frail" >"$RUN_DIR/postgres-crash"
    chmod 755 "$RUN_DIR/postgres-crash"
}

# An authority and a certificate for the name localhost alone, and another authority that signed nothing.
certificates() {
    local at="$RUN_DIR/postgres-tls" name
    rm -rf "$at"
    mkdir -m 711 "$at"
    command -v openssl >/dev/null || install_packages openssl
    for name in authority stranger; do
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=the $name of a test" \
            -addext basicConstraints=critical,CA:TRUE -keyout "$at/$name.key" -out "$at/$name.pem"
    done
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost -keyout "$at/server.key" -out "$at/server.csr"
    printf 'subjectAltName=DNS:localhost\n' >"$at/names"
    openssl x509 -req -in "$at/server.csr" -CA "$at/authority.pem" -CAkey "$at/authority.key" -CAcreateserial -days 2 \
        -extfile "$at/names" -out "$at/server.pem"
    chmod 600 "$at"/*.key
    [ "$(id -u)" -ne 0 ] || chown postgres "$at/server.key"
}

start() {
    local port
    if ! BIN="$(programs)"; then
        # The package would start a cluster of its own; only the programs are wanted.
        if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
            install_packages postgresql-common
        fi
        as_root sed -i 's/^#\?create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf || true
        install_packages postgresql
        BIN="$(programs)" || fail "the server's programs are not where they are expected after installing them"
    fi

    chmod 711 "$RUN_DIR"
    secret_file "$RUN_DIR/postgres.password"
    : >"$RUN_DIR/postgres.log"
    certificates >>"$RUN_DIR/postgres.log" 2>&1 || fail "no certificates could be made, see $RUN_DIR/postgres.log"
    cluster postgres -c fsync=off -c max_connections=300 -c ssl=on -c "ssl_cert_file=$RUN_DIR/postgres-tls/server.pem" \
        -c "ssl_key_file=$RUN_DIR/postgres-tls/server.key"
    port="$PORT"
    echo "$PID" >"$RUN_DIR/postgres.pid"
    cluster postgres-frail
    crash_program

    remember STANCH_TEST_PG_HOST=127.0.0.1 STANCH_TEST_PG_PORT="$port" STANCH_TEST_PG_ADMIN=admin \
        STANCH_TEST_PG_DATABASE=postgres STANCH_TEST_PG_PASSWORD_FILE="$RUN_DIR/postgres.password" \
        STANCH_TEST_PG_LOG="$RUN_DIR/postgres/server.log" \
        STANCH_TEST_PG_AUTHORITY="$RUN_DIR/postgres-tls/authority.pem" \
        STANCH_TEST_PG_STRANGER="$RUN_DIR/postgres-tls/stranger.pem" \
        STANCH_TEST_PG_FRAIL_PORT="$PORT" STANCH_TEST_PG_FRAIL_RESTART="$RUN_DIR/postgres-crash"
    describe real "$("$BIN/postgres" --version | sed 's/^postgres (PostgreSQL) //; s/ .*//')" "127.0.0.1:$port"
}

stop() {
    local frail="$RUN_DIR/postgres-frail/cluster/postmaster.pid"
    stop_server INT
    # It has another number each time that it was crashed.
    [ ! -s "$frail" ] || end_pid "$(head -n 1 "$frail")" INT
    rm -rf "$RUN_DIR/postgres" "$RUN_DIR/postgres-frail" "$RUN_DIR/postgres-crash" "$RUN_DIR/postgres-tls"
}

main "$@"
