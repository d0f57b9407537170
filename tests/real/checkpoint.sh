#!/usr/bin/env bash
# Checkpoints of the journal in the hands of a reader that nobody here wrote: Go's own, of signed notes and of trees. Several
# checkpoints of one journal, each the root of its index, each consistent with those before, and a changed one refused.
NAME=checkpoint
# shellcheck source=tests/real/server.sh
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"

ROOT="$(cd "$HERE/../.." && pwd)"
GO="$(go_program)"
WORK="$(mktemp -d)"
trap 'rm -rf "$WORK"' EXIT
(cd "$HERE/checkpoint" && "$GO" build -o "$WORK/reader" .) || fail "the reader of checkpoints does not build"

PROGRAM="${STANCH_TEST_PROGRAM:-}"
if [ -z "$PROGRAM" ]; then
    (cd "$ROOT" && cargo build --locked --quiet --bin stanch)
    PROGRAM="$(cd "$ROOT" && cargo metadata --locked --offline --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/debug/stanch"
fi
cd "$WORK"
"$PROGRAM" demo --directory world >demo.log 2>&1 || { cat demo.log >&2; fail "there is no journal to sign"; }
export STANCH_CONFIG="$WORK/world/stanch.yaml"
printf 'checkpoints: { to: evidence, name: example.com/log }\n' >>"$STANCH_CONFIG"
"$PROGRAM" audit checkpoint >/dev/null
for reason in one two three; do
    "$PROGRAM" rotate --credential shop-api >/dev/null || true
    case="$("$PROGRAM" case list | grep -o 'C-[0-9]*' | tail -n 1)"
    "$PROGRAM" audit checkpoint >/dev/null
    "$PROGRAM" case abort "$case" --reason "$reason" >/dev/null 2>&1 || true
    "$PROGRAM" audit checkpoint >/dev/null
done
KEY="$("$PROGRAM" key list | sed -n 's/^checkpoints are signed with //p')"
"$WORK/reader" world/evidence "$KEY" | tee said
grep -Eq '^[3-9] checkpoints over [0-9]{2,} records$' said || fail "too few checkpoints were made"
"$PROGRAM" audit verify world/journal.db --checkpoint world/evidence --key "$KEY" >/dev/null

last="$(ls world/evidence/checkpoint-* | tail -n 1)"
sed -i '2s/.*/7/' "$last"
if "$WORK/reader" world/evidence "$KEY" >/dev/null 2>&1; then fail "a changed checkpoint was believed"; fi
if "$PROGRAM" audit verify world/journal.db --checkpoint world/evidence --key "$KEY" >/dev/null 2>&1; then fail "we believed it"; fi
echo "checkpoints: read, verified and found consistent by golang.org/x/mod"
