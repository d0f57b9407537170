#!/usr/bin/env bash
# The hooks as somebody else's program runs them: that program, installed here, is set up in a repository, `stanch hook
# install` puts us into it, git commits and pushes, and `stanch hook uninstall` leaves no trace.
#
#   tests/real/hooks.sh pre-commit|prek|lefthook|husky|config
NAME="hooks, ${1:-}"
# shellcheck source=tests/real/server.sh
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"
# shellcheck source=tests/real/git.sh
. "$(dirname "${BASH_SOURCE[0]}")/git.sh"

ROOT="$(cd "$HERE/../.." && pwd)"
VIA="${1:?pre-commit, prek, lefthook, husky or config}"
(cd "$ROOT" && cargo build --locked --quiet --bin stanch)
PROGRAMS="$(cd "$ROOT" && cargo metadata --locked --offline --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/debug"
[ -x "$PROGRAMS/stanch" ] || fail "the program is not in $PROGRAMS"

# npm_with NAME PACKAGE…: prints the folder with the programs of packages that are installed once.
npm_with() {
    local folder="$CACHE/npm-$1"
    shift
    command -v npm >/dev/null || install_packages npm
    if [ "$(cat "$folder/wanted" 2>/dev/null)" != "$*" ]; then
        say "installing $*"
        rm -rf "$folder"
        mkdir -p "$folder"
        echo '{"private": true}' >"$folder/package.json"
        (cd "$folder" && npm install --silent --ignore-scripts --no-audit --no-fund "$@" >&2) || fail "cannot install $*"
        printf '%s' "$*" >"$folder/wanted"
    fi
    printf '%s\n' "$folder/node_modules/.bin"
}

WORK="$(mktemp -d)"
trap 'rm -rf "$WORK"' EXIT
case "$VIA" in
    pre-commit) TOOLS="$(dirname "$(python_with pre-commit 'pre-commit==4.7.0')")" ;;
    prek) TOOLS="$(dirname "$(python_with prek 'prek==0.5.11')")" ;;
    lefthook) TOOLS="$(npm_with lefthook 'lefthook@2.2.2')" ;;
    husky) TOOLS="$(npm_with husky 'husky@9.1.7')" ;;
    config) TOOLS="$(new_git)" ;;
    *) fail "there is no form $VIA" ;;
esac
export PATH="$PROGRAMS:$TOOLS:$PATH" PRE_COMMIT_HOME="$WORK/framework" PREK_HOME="$WORK/framework" HOME="$WORK"
export GIT_CONFIG_GLOBAL="$WORK/gitconfig" GIT_CONFIG_SYSTEM=/dev/null XDG_CONFIG_HOME="$WORK/config" XDG_STATE_HOME="$WORK/state"
git config --global user.name tests
git config --global user.email tests@localhost
git config --global init.defaultBranch main

# Everything but git's own records of commits and pushes: names, kinds, modes, bytes.
snapshot() {
    (cd "$WORK/project" && find . \( -path ./.git/objects -o -path ./.git/logs -o -path ./.git/refs \) -prune -o \
        \( -type f ! -path ./.git/index ! -name COMMIT_EDITMSG ! -name HEAD ! -name '*.checksum' \) -printf '%p %m ' -exec sha256sum {} \; \
        -o -type l -printf '%p -> %l\n' | LC_ALL=C sort)
}
objects() { find "$WORK/project/.git/objects" -type f | wc -l; }
# Assembled here, so that this script holds nothing token-shaped.
token() { printf 'sk_%s_%s' live "$(head -c 96 /dev/urandom | base64 | tr -dc 'A-Za-z0-9' | cut -c1-24)"; }
# refused FILE NAME TOKEN: the output names what was found, and nothing of the token.
refused() {
    grep -q -- "$2" "$1" || { sed "s/$3/…/g" "$1" >&2; fail "it was stopped, but not for the token in $2"; }
    if grep -q -- "$3" "$1"; then fail "the token was printed"; fi
}

git init -q "$WORK/project"
git init -q --bare "$WORK/there.git"
cd "$WORK/project"
git remote add origin "$WORK/there.git"

# What somebody has set up before us, with remarks, odd spaces and a hook of their own.
case "$VIA" in
    pre-commit | prek)
        printf '# ours since 2019\ndefault_install_hook_types: [pre-commit, commit-msg, pre-push]\nfiles: ^nothing/\nrepos:   # keep sorted\n- repo:   local\n  hooks:\n  - {id: theirs, name: theirs, language: system, entry: "true",\n     always_run: true}  # no new line at the end' >.pre-commit-config.yaml
        ;;
    lefthook)
        printf '# ours since 2019\n\npre-commit:   # quick ones\n    parallel: true\n    commands:\n        theirs:\n            run:   "true"\ncommit-msg:\n  scripts: {}\n\npre-push:\n  jobs:\n  - run: cat >>pushed\n    use_stdin: true' >lefthook.yml
        ;;
    husky)
        printf '{ "private": true, "scripts": { "prepare": "husky" } }\n' >package.json
        mkdir .husky
        printf 'true' >.husky/pre-commit
        printf '#!/usr/bin/env sh\ncat >>pushed\n' >.husky/pre-push
        ;;
esac
git add -A
git commit -q --no-verify --allow-empty -m "set up"
set_up() {
    case "$VIA" in
        pre-commit | prek) "$VIA" install ;;
        lefthook) lefthook install ;;
        husky) husky ;;
    esac
}
[ "$VIA" = config ] || stanch hook install --via "$VIA" >"$WORK/early" && early=0 || early=$?
if [ "$VIA" != config ]; then
    # The file is changed, but git calls nobody yet: that must not look like a success.
    [ "$early" -eq 1 ] && grep -q 'NOT ON YET' "$WORK/early" || { cat "$WORK/early" >&2; fail "a hook that git does not call looks installed"; }
    stanch hook uninstall >/dev/null || fail "it cannot be taken out again"
    [ -z "$(git status --porcelain)" ] || { git diff >&2; fail "something was left behind"; }
fi
set_up >"$WORK/set-up.log" 2>&1 || { cat "$WORK/set-up.log" >&2; fail "$VIA cannot set itself up"; }
git add -A
git commit -q --no-verify --allow-empty -m "set up, installed"

before="$(snapshot)"
if [ "$VIA" = config ]; then stanch hook install --via config; else stanch hook install; fi >"$WORK/install.log" \
    || { cat "$WORK/install.log" >&2; fail "the hooks are not on"; }
after="$(snapshot)"
stanch hook install --via "$VIA" >/dev/null
[ "$after" = "$(snapshot)" ] || { diff <(printf '%s\n' "$after") <(snapshot) >&2; fail "installing twice changed something"; }
stanch hook status >"$WORK/status.log" || { cat "$WORK/status.log" >&2; fail "status says that something is amiss"; }
git add -A
git commit -q --no-verify --allow-empty -m "stanch"

echo 'key = os.environ["KEY"]' >clean.py
git add -A
git commit -q -m clean >"$WORK/clean.log" 2>&1 || { cat "$WORK/clean.log" >&2; fail "a clean commit was stopped"; }
count="$(git rev-list --count HEAD)"

T="$(token)"
printf 'key = "%s"\n' "$T" >leak.py
git add -A
# Git writes the tree before it asks anybody: what it leaves when a hook without us says no is what it may leave.
mkdir "$WORK/no"
printf '#!/bin/sh\nexit 1\n' >"$WORK/no/pre-commit"
chmod +x "$WORK/no/pre-commit"
git -c core.hooksPath="$WORK/no" -c hook.stanch-pre-commit.enabled=false commit -q -m leak && fail "a hook that says no was not asked"
staged="$(objects)"
if git commit -q -m leak >"$WORK/leak.log" 2>&1; then fail "a commit with a token passed"; fi
refused "$WORK/leak.log" leak.py "$T"
[ "$(git rev-list --count HEAD)" -eq "$count" ] || fail "the commit was made all the same"
[ "$(objects)" -eq "$staged" ] || fail "a commit that was stopped left objects behind"
git rm -q -f leak.py

T="$(token)"
if printf 'use %s\n' "$T" | git commit -q --allow-empty -F - >"$WORK/message.log" 2>&1; then fail "a message with a token passed"; fi
refused "$WORK/message.log" stripe "$T"

git push -q origin main >"$WORK/push.log" 2>&1 || { cat "$WORK/push.log" >&2; fail "a clean push was stopped"; }
git checkout -q -b clean-too
git commit -q --no-verify --allow-empty -m "nothing to see"
git checkout -q -b with-leak main
T="$(token)"
printf 'key = "%s"\n' "$T" >pushed-leak.py
git add -A
git commit -q --no-verify -m "past the hook"
# The clean one comes first: a framework that hands over the first alone would let the other pass.
if git push -q origin clean-too with-leak >"$WORK/push.log" 2>&1; then fail "a push with a token passed"; fi
refused "$WORK/push.log" pushed-leak.py "$T"
git --git-dir="$WORK/there.git" rev-parse -q --verify with-leak >/dev/null && fail "the push arrived all the same"
if [ -e pushed ]; then
    git push -q origin clean-too >"$WORK/push.log" 2>&1 || { cat "$WORK/push.log" >&2; fail "a clean push was stopped"; }
    grep -q refs/heads/clean-too pushed || fail "the other hook was not told what is pushed"
    rm pushed
fi
git checkout -q main

tree="$(snapshot)"
index="$(sha256sum .git/index)" refs="$(git for-each-ref; git config --list --show-origin)" count="$(objects)"
stanch hook doctor >"$WORK/doctor.log" 2>&1 || { cat "$WORK/doctor.log" >&2; fail "doctor is not content"; }
[ "$(grep -c '^ok .*token' "$WORK/doctor.log")" -eq 3 ] || { cat "$WORK/doctor.log" >&2; fail "doctor has not tried all three"; }
[ "$tree" = "$(snapshot)" ] && [ "$index" = "$(sha256sum .git/index)" ] && [ "$count" -eq "$(objects)" ] \
    && [ "$refs" = "$(git for-each-ref; git config --list --show-origin)" ] || fail "doctor changed the repository"

stanch hook uninstall >"$WORK/uninstall.log" || { cat "$WORK/uninstall.log" >&2; fail "it cannot be taken out"; }
git rm -q -f clean.py
[ "$before" = "$(snapshot)" ] || { diff <(printf '%s\n' "$before") <(snapshot) >&2; fail "something is not as it was"; }
echo "$VIA: a commit, a message and a push with a token were stopped, clean ones passed; doctor agrees; taken out to the byte ($(
    case "$VIA" in config) git --version ;; husky) echo husky 9.1.7 ;; lefthook) lefthook version ;; *) "$VIA" --version ;; esac
))"
