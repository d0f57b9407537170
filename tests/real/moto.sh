#!/usr/bin/env bash
# moto: AWS IAM, STS and Secrets Manager on a loopback port, with the gaps of strict_moto.py closed and that checked.
# `start DIR` or `stop DIR`.
NAME=moto
VERSION=5.2.5
# shellcheck source=tests/real/server.sh
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"

start() {
    local python port pid attempt
    python="$(python_with moto "moto[server]==$VERSION")"
    for attempt in 1 2 3; do
        port="$(free_port)"
        # Settings of another moto or of the AWS tools must not reach this one.
        env -i PATH="$PATH" HOME="$RUN_DIR" LC_ALL=C.UTF-8 "$python" "$HERE/strict_moto.py" "$port" "$RUN_DIR" >"$RUN_DIR/moto.log" 2>&1 </dev/null &
        pid=$!
        echo "$pid" >"$RUN_DIR/moto.pid"
        wait_for 90 "$pid" answers "http://127.0.0.1:$port/moto-api/" && break
        end_pid "$pid" KILL
        [ "$attempt" -lt 3 ] || { tail -n 20 "$RUN_DIR/moto.log" >&2; fail "the server did not start"; }
    done
    env -i PATH="$PATH" HOME="$RUN_DIR" LC_ALL=C.UTF-8 "$python" "$HERE/strict_moto_check.py" "http://127.0.0.1:$port" "$RUN_DIR" \
        || { tail -n 20 "$RUN_DIR/moto.log" >&2; fail "the strict launcher has drifted from moto $VERSION"; }
    remember STANCH_TEST_AWS_URL="http://127.0.0.1:$port" STANCH_TEST_AWS_REGION=us-east-1 \
        STANCH_TEST_AWS_ADMIN_ID="$(cat "$RUN_DIR/aws.admin-id")" STANCH_TEST_AWS_ADMIN_SECRET_FILE="$RUN_DIR/aws.admin-secret"
    describe "emulator (moto, strict)" "$VERSION" "127.0.0.1:$port"
}

stop() { stop_server TERM; }

main "$@"
