#!/usr/bin/env bash
# A container registry on a loopback port that wants a login, and the programs that make images. `start DIR` or `stop DIR`.
NAME=registry
# shellcheck source=tests/real/server.sh
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"

# The package would start a server of its own, which nobody wants here; what refuses that is taken away again.
install_server() {
    local refuses=/usr/sbin/policy-rc.d
    if [ ! -e "$refuses" ]; then
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$refuses" >/dev/null && as_root chmod 755 "$refuses"
        trap 'as_root rm -f /usr/sbin/policy-rc.d' EXIT
    fi
    install_packages docker-registry skopeo umoci apache2-utils
}

start() {
    local data port pid attempt program
    for program in docker-registry skopeo umoci htpasswd; do
        command -v "$program" >/dev/null || { install_server; break; }
    done

    data="$RUN_DIR/registry"
    rm -rf "$data"
    mkdir -m 700 "$data"
    secret_file "$RUN_DIR/registry.password"
    (umask 077; htpasswd -Bin keeper <"$RUN_DIR/registry.password" >"$data/users")

    for attempt in 1 2 3; do
        port="$(free_port)"
        cat >"$data/config.yml" <<YAML
version: 0.1
log: { level: info }
storage: { filesystem: { rootdirectory: $data/blobs } }
http: { addr: "127.0.0.1:$port" }
auth: { htpasswd: { realm: tests, path: $data/users } }
YAML
        docker-registry serve "$data/config.yml" >"$RUN_DIR/registry.log" 2>&1 &
        pid=$!
        wait_for 20 "$pid" answers "http://127.0.0.1:$port/v2/" && break
        end_pid "$pid" TERM
        [ "$attempt" -lt 3 ] || { tail -n 20 "$RUN_DIR/registry.log" >&2; fail "the server did not start"; }
    done
    echo "$pid" >"$RUN_DIR/registry.pid"

    remember STANCH_TEST_REGISTRY="127.0.0.1:$port" STANCH_TEST_REGISTRY_USER=keeper \
        STANCH_TEST_REGISTRY_PASSWORD_FILE="$RUN_DIR/registry.password" STANCH_TEST_REGISTRY_DATA="$data/blobs"
    describe real "$(docker-registry --version 2>/dev/null | awk '{ print $3 }')" "127.0.0.1:$port"
}

stop() {
    stop_server TERM
    rm -rf "$RUN_DIR/registry"
}

main "$@"
