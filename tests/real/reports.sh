#!/usr/bin/env bash
# Reports in the hands of readers that nobody here wrote: SARIF before Microsoft's validator with the rules of GitHub's code
# scanning, JUnit before a library that reads it. One run is clean, one has leaks, one is incomplete.
NAME=reports
# shellcheck source=tests/real/server.sh
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"

ROOT="$(cd "$HERE/../.." && pwd)"
VALIDATOR_VERSION=5.7.0
VALIDATOR="$CACHE/sarif-multitool-$VALIDATOR_VERSION"
if [ ! -e "$VALIDATOR/whole" ]; then
    command -v npm >/dev/null || install_packages npm
    mkdir -p "$VALIDATOR"
    npm install --silent --no-audit --no-fund --prefix "$VALIDATOR" "@microsoft/sarif-multitool@$VALIDATOR_VERSION" >&2 \
        || fail "cannot install the validator of SARIF"
    touch "$VALIDATOR/whole"
fi
PROGRAM="$(find "$VALIDATOR/node_modules/@microsoft/" -maxdepth 2 -name Sarif.Multitool -type f | head -n 1)"
[ -n "$PROGRAM" ] || fail "the validator of SARIF has no program for this machine"
chmod u+x "$PROGRAM"
export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1
PYTHON="$(python_with reports 'junitparser==4.0.2')"

(cd "$ROOT" && cargo build --locked --quiet --bin stanch)
PROGRAMS="$(cd "$ROOT" && cargo metadata --locked --offline --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/debug"
[ -x "$PROGRAMS/stanch" ] || fail "the program is not in $PROGRAMS"

WORK="$(mktemp -d)"
trap 'rm -rf "$WORK"' EXIT
export HOME="$WORK" GIT_CONFIG_GLOBAL="$WORK/gitconfig" GIT_CONFIG_SYSTEM=/dev/null
git config --global user.name tests
git config --global user.email tests@localhost
git config --global init.defaultBranch main
git init -q "$WORK/project"
cd "$WORK/project"
commit() { git add -A; git commit -q -m "$1"; }
echo one >readme
commit one
echo two >readme
commit two
# Assembled here, so that this script holds nothing token-shaped.
TOKEN="sk_live_$(head -c 96 /dev/urandom | base64 | tr -dc 'A-Za-z0-9' | cut -c1-24)"
printf 'first\nä = "%s"\n' "$TOKEN" >'lé ak&<.py'
commit leak

# check NAME CODE BASE: one run, its code, its reports.
check() {
    local name="$1" expected="$2" base="$3" code=0 sarif="$WORK/$1.sarif" junit="$WORK/$1.xml"
    STANCH_BASE="$base" "$PROGRAMS/stanch" ci --output "sarif=$sarif" --output "junit=$junit" >"$WORK/$name.log" 2>&1 || code=$?
    [ "$code" -eq "$expected" ] || { sed "s/$TOKEN/…/g" "$WORK/$name.log" >&2; fail "$name: exit code $code, not $expected"; }
    if grep -q "$TOKEN" "$WORK/$name.log" "$sarif" "$junit"; then fail "$name: the token was printed"; fi
    "$PROGRAM" validate "$sarif" --output "$WORK/$name.verdict" --log ForceOverwrite --rule-kind 'Sarif;Ghas' \
        --level 'Error;Warning;Note' --kind Fail >"$WORK/$name.validator" 2>&1 || { cat "$WORK/$name.validator" >&2; fail "$name: the validator failed"; }
    "$PYTHON" - "$name" "$WORK/$name.verdict" "$junit" <<'PY'
import json, sys
import junitparser
name, verdict, junit = sys.argv[1:]
run = json.load(open(verdict, encoding="utf-8"))["runs"][0]
results = run["results"]
wrong = [r for r in results if r.get("level", "warning") == "error"]
assert run["invocations"][0]["executionSuccessful"], "the validator did not end its work"
assert not wrong, f"{name}: {json.dumps(wrong, indent=1)}"
suites = list(junitparser.JUnitXml.fromfile(junit))
cases = [case for suite in suites for case in suite]
said = [r for case in cases for r in case.result]
failures = sum(isinstance(r, junitparser.Failure) for r in said)
errors = sum(isinstance(r, junitparser.Error) for r in said)
assert [(s.tests, s.failures, s.errors) for s in suites] == [(len(cases), failures, errors)], "the counts are wrong"
expected = {"clean": (0, 0), "leak": (1, 0), "incomplete": (1, 1)}[name]
assert (failures, errors) == expected, f"{name}: {failures} failures and {errors} errors"
PY
}

# The commit before the leak is what is checked out for the clean run.
git checkout -q HEAD~1
check clean 0 HEAD~1
git checkout -q main
check leak 1 HEAD~1
check incomplete 1 "$(printf 'ab%.0s' $(seq 20))x"
echo "SARIF and JUnit of a clean run, of one with a leak and of one that is incomplete are taken (sarif-multitool $VALIDATOR_VERSION)"
