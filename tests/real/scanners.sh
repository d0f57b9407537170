#!/usr/bin/env bash
# What other scanners really write: Gitleaks (built as a Go module) and Kingfisher (its Python package) scan a repository,
# and `stanch import` finds in each report, in every form, what it finds itself.
NAME=scanners
# shellcheck source=tests/real/server.sh
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"

ROOT="$(cd "$HERE/../.." && pwd)"
GITLEAKS=v8.30.1
KINGFISHER="$(dirname "$(python_with kingfisher 'kingfisher-bin==2.14.0')")/kingfisher"

BIN="$CACHE/gitleaks-$GITLEAKS/gitleaks"
if [ ! -x "$BIN" ]; then
    say "building Gitleaks $GITLEAKS"
    GO="$(go_program)"
    mkdir -p "${BIN%/*}/build"
    (
        cd "${BIN%/*}/build"
        [ -e go.mod ] || "$GO" mod init stanch.test/gitleaks
        "$GO" get "github.com/zricethezav/gitleaks/v8@$GITLEAKS"
        "$GO" build -o "$BIN" github.com/zricethezav/gitleaks/v8
    ) >"${BIN%/*}/build.log" 2>&1 || { tail -n 5 "${BIN%/*}/build.log" >&2; fail "cannot build Gitleaks"; }
fi

(cd "$ROOT" && cargo build --locked --quiet --bin stanch)
STANCH="$(cd "$ROOT" && cargo metadata --locked --offline --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/debug/stanch"
WORK="$(mktemp -d)"
trap 'rm -rf "$WORK"' EXIT
export HOME="$WORK" XDG_STATE_HOME="$WORK/state" GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null

random() { head -c 256 /dev/urandom | base64 | tr -dc 'A-Za-z0-9' | cut -c"1-$1"; }
# Assembled here, so that this script holds nothing token-shaped.
STRIPE="sk_live_$(random 24)"
SENDGRID="SG.$(random 22).$(random 43)"
git init -q "$WORK/repository"
cd "$WORK/repository"
printf 'import os\nKEY = "%s"\n' "$STRIPE" >pay.py
printf 'MAIL=on\nSENDGRID=%s\n' "$SENDGRID" >conf.env
git add -A
git -c user.name=tests -c user.email=tests@localhost commit -q -m planted

report() { "$STANCH" "$@" --json --isolated --exit-zero; }
prints() { python3 -c 'import json, sys
for f in json.load(sys.stdin)["findings"]: print(f["kind"], f["fingerprint"], f["at"]["line"])' | sort; }

report scan . | prints >"$WORK/own"
[ "$(wc -l <"$WORK/own")" -eq 2 ] || { cat "$WORK/own" >&2; fail "our own scan does not find the two tokens"; }

"$BIN" git --no-banner -l error --exit-code 0 -f json -r "$WORK/gitleaks.json" .
"$BIN" git --no-banner -l error --exit-code 0 -f sarif -r "$WORK/gitleaks.sarif" .
"$BIN" dir --no-banner -l error --exit-code 0 --redact -f json -r "$WORK/gitleaks-masked.json" .
for form in json jsonl sarif; do
    # It exits with 200 when it found something.
    "$KINGFISHER" scan . --format "$form" --no-validate --no-update-check -o "$WORK/kingfisher.$form" >"$WORK/kingfisher.log" 2>&1 || [ $? -ge 200 ] \
        || { tail -n 5 "$WORK/kingfisher.log" >&2; fail "Kingfisher failed"; }
done
for file in gitleaks.json gitleaks.sarif gitleaks-masked.json kingfisher.json kingfisher.jsonl kingfisher.sarif; do
    [ -s "$WORK/$file" ] || fail "$file was not written"
    report import "$WORK/$file" >"$WORK/out" || fail "$file was refused"
    if grep -q -e "$STRIPE" -e "$SENDGRID" "$WORK/out"; then fail "a token was printed of $file"; fi
    prints <"$WORK/out" >"$WORK/found"
    diff "$WORK/own" "$WORK/found" >&2 || fail "$file gives other findings than our own scan"
done
echo "two tokens by the same kind, fingerprint and line in six reports of Gitleaks $GITLEAKS and $("$KINGFISHER" --version | head -1)"
