#!/usr/bin/env bash
# The hook as the pre-commit framework runs it: the framework, installed here, takes the hook from this repository's
# manifest, stops a commit that holds a token and lets a clean one pass.
NAME=pre-commit
# shellcheck source=tests/real/server.sh
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"

ROOT="$(cd "$HERE/../.." && pwd)"
[ -e "$ROOT/.pre-commit-hooks.yaml" ] || fail "the manifest .pre-commit-hooks.yaml is missing"
FRAMEWORK="$(dirname "$(python_with pre-commit 'pre-commit==4.7.0')")/pre-commit"
(cd "$ROOT" && cargo build --locked --quiet --bin stanch)
PROGRAMS="$(cd "$ROOT" && cargo metadata --locked --offline --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/debug"
[ -x "$PROGRAMS/stanch" ] || fail "the program is not in $PROGRAMS"

WORK="$(mktemp -d)"
trap 'rm -rf "$WORK"' EXIT
export PATH="$PROGRAMS:$PATH" PRE_COMMIT_HOME="$WORK/framework" HOME="$WORK"
export GIT_CONFIG_GLOBAL="$WORK/gitconfig" GIT_CONFIG_SYSTEM=/dev/null
git config --global user.name tests
git config --global user.email tests@localhost
git config --global init.defaultBranch main

# The framework clones the manifest's repository at a revision, so the manifest is committed to a repository of its own.
git init -q "$WORK/hooks"
cp "$ROOT/.pre-commit-hooks.yaml" "$WORK/hooks/"
git -C "$WORK/hooks" add -A
git -C "$WORK/hooks" commit -q -m manifest

git init -q "$WORK/project"
cd "$WORK/project"
cat >.pre-commit-config.yaml <<YAML
repos:
  - repo: $WORK/hooks
    rev: $(git -C "$WORK/hooks" rev-parse HEAD)
    hooks: [{ id: stanch-system }, { id: stanch-system-commit-msg }, { id: stanch-system-pre-push }]
YAML
"$FRAMEWORK" install -t pre-commit -t commit-msg -t pre-push >"$WORK/install.log" || { cat "$WORK/install.log" >&2; fail "the framework cannot install itself"; }

echo 'key = os.environ["KEY"]' >clean.py
git add -A
git commit -q -m clean >"$WORK/clean.log" 2>&1 || { cat "$WORK/clean.log" >&2; fail "a clean commit was stopped"; }

# Assembled here, so that this script holds nothing token-shaped.
TOKEN="sk_live_$(head -c 96 /dev/urandom | base64 | tr -dc 'A-Za-z0-9' | cut -c1-24)"
printf 'key = "%s"\n' "$TOKEN" >leak.py
git add -A
if git commit -q -m leak >"$WORK/leak.log" 2>&1; then fail "a commit with a token passed"; fi
grep -q leak.py "$WORK/leak.log" || { sed "s/$TOKEN/…/g" "$WORK/leak.log" >&2; fail "the commit was stopped, but not for the token"; }
if grep -q "$TOKEN" "$WORK/leak.log"; then fail "the token was printed"; fi
[ "$(git rev-list --count HEAD)" -eq 1 ] || fail "the commit was made all the same"
git rm -q -f leak.py
if printf 'use %s\n' "$TOKEN" | git commit -q --allow-empty -F - >"$WORK/leak.log" 2>&1; then fail "a message with a token passed"; fi
grep -q stripe "$WORK/leak.log" || fail "the message was stopped, but not for the token"

# First the whole history, then a branch that is new, then one that is there: the framework tells each in its own way.
git init -q --bare "$WORK/there.git"
git remote add origin "$WORK/there.git"
for branch in main new new; do
    [ "$branch" = main ] || git checkout -q -B "$branch"
    git commit -q --no-verify --allow-empty -m "nothing to see"
    git push -q origin "$branch" >"$WORK/push.log" 2>&1 || { cat "$WORK/push.log" >&2; fail "a clean push of $branch was stopped"; }
    printf 'key = "%s"\n' "$TOKEN" >leak.py
    git add -A
    git commit -q --no-verify -m leak
    if git push -q origin "$branch" >"$WORK/push.log" 2>&1; then fail "a push of $branch with a token passed"; fi
    grep -q leak.py "$WORK/push.log" || fail "the push of $branch was stopped, but not for the token"
    git reset -q --hard HEAD~1
done
git checkout -q --orphan whole
printf 'key = "%s"\n' "$TOKEN" >leak.py
git add -A
git commit -q --no-verify -m leak
git init -q --bare "$WORK/empty.git"
if git push -q "$WORK/empty.git" whole >"$WORK/push.log" 2>&1; then fail "a first push with a token passed"; fi
grep -q leak.py "$WORK/push.log" || fail "the first push was stopped, but not for the token"
echo "clean commits and pushes passed, a commit, a message and pushes with a token were stopped ($("$FRAMEWORK" --version))"
