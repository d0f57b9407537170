#!/usr/bin/env bash
# A file system of 24 MiB in memory, for the test of a full disk. Mounting needs root; a machine that refuses it goes
# without, which the table of tests/run shows and its summary names. `start DIR` or `stop DIR`.
NAME=disk
SIZE=24m
# shellcheck source=tests/real/server.sh
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"

start() {
    local folder="$RUN_DIR/disk"
    mkdir -p "$folder"
    if as_root mount -t tmpfs -o "size=$SIZE,mode=0700,uid=$(id -u)" none "$folder" 2>"$RUN_DIR/disk.log"; then
        touch "$RUN_DIR/disk.mounted"
        remember STANCH_TEST_SMALL_DISK="$folder"
        describe "real (tmpfs)" "$SIZE" "$folder"
    else
        say "this machine mounts nothing for us, so the test of a full disk is left out"
        remember STANCH_TEST_SMALL_DISK=
        describe "NOT HERE" - -
    fi
}

stop() {
    [ -e "$RUN_DIR/disk.mounted" ] || return 0
    as_root umount "$RUN_DIR/disk" || as_root umount -l "$RUN_DIR/disk"
    rm -f "$RUN_DIR/disk.mounted"
}

main "$@"
