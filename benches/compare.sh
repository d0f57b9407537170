#!/usr/bin/env bash
# Whole commands against others, in turn on the same machine: what benches/record/ says is printed by this.
#
#   benches/compare.sh tree DIRECTORY        our scan, peers, and reading alone
#   benches/compare.sh history REPOSITORY    all of a repository's history, and what git takes to hand it out
#   benches/compare.sh again REPOSITORY      the second scan, with nothing new
#   benches/compare.sh staged REPOSITORY     a hook before a commit
#   benches/compare.sh hurt DIRECTORY        each file of a directory, as a rate
#   benches/compare.sh start                 a process that scans nothing
#
# From the environment: STANCH (the program), RULES (a directory of further kinds), RUNS (rounds), KINGFISHER, GITLEAKS,
# DETECT_SECRETS, RIPSECRETS (peers; those that are not there are left out), SLOW=1 (the slow peers too), COLD=1 (Kingfisher
# without its cache too), HYPERFINE=1 (single commands one after another by
# hyperfine, with its statistics, in place of rounds).
set -euo pipefail
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
STANCH="${STANCH:-$HERE/../target/release/stanch}"
KINGFISHER="${KINGFISHER:-kingfisher}"; GITLEAKS="${GITLEAKS:-gitleaks}"
DETECT_SECRETS="${DETECT_SECRETS:-detect-secrets}"; RIPSECRETS="${RIPSECRETS:-ripsecrets}"
RUNS="${RUNS:-5}"; RULES="${RULES:-}"; SAMPLE=()
[ $# -gt 0 ] || { sed -n '2,14s/^# \{0,1\}//p' "$0" >&2; exit 2; }
STATE="$(mktemp -d)"; trap 'rm -rf "$STATE"' EXIT
commands=()
add() { commands+=("$1" "$2"); }
peer() { command -v "$1" >/dev/null && add "$2" "$3" || echo "compare: $1 is not there" >&2; }
scan() { echo "$STANCH scan --json --exit-zero ${RULES:+--rules $RULES} $*"; }

measure() {
    if [ -n "${HYPERFINE:-}" ]; then
        local words=()
        for ((at = 0; at < ${#commands[@]}; at += 2)); do words+=(-n "${commands[at]}" "${commands[at + 1]}"); done
        hyperfine --ignore-failure --warmup 1 --runs "$RUNS" "${words[@]}"
    else
        "$HERE/paired.py" --runs "$RUNS" "${SAMPLE[@]}" "${commands[@]}"
    fi
    commands=()
}

# Peers ask no provider whether a token works, and open no archives where ours does: that costs them the most.
KINGFISHER_QUIET="--no-validate --no-update-check --format json --quiet"
kingfisher_files() {
    peer "$KINGFISHER" "kingfisher, no archives" "$KINGFISHER scan $1 $KINGFISHER_QUIET --git-history none --no-extract-archives"
    peer "$KINGFISHER" "kingfisher --turbo, no archives" "$KINGFISHER scan $1 $KINGFISHER_QUIET --git-history none --no-extract-archives --turbo"
}

case "$1" in
tree)
    SAMPLE=(--sample)
    add stanch "$(scan "$2")"
    kingfisher_files "$2"
    if [ -n "${SLOW:-}" ]; then
        peer "$GITLEAKS" "gitleaks dir" "$GITLEAKS dir --no-banner --redact $2"
        peer "$RIPSECRETS" ripsecrets "$RIPSECRETS $2"
        peer "$DETECT_SECRETS" detect-secrets "sh -c 'cd $2 && exec $DETECT_SECRETS scan --all-files --no-verify .'"
    fi
    add "find and cat" "find $2 -type f -print0 | xargs -0 cat"
    measure ;;
history)
    SAMPLE=(--sample)
    add stanch "exec env XDG_STATE_HOME=$STATE/none-\$\$ $(scan --history "$2")"
    peer "$KINGFISHER" kingfisher "$KINGFISHER scan $2 $KINGFISHER_QUIET --no-extract-archives"
    peer "$KINGFISHER" "kingfisher --turbo" "$KINGFISHER scan $2 $KINGFISHER_QUIET --no-extract-archives --turbo"
    if [ -n "${SLOW:-}" ]; then peer "$GITLEAKS" "gitleaks git" "$GITLEAKS git --no-banner --redact $2"; fi
    add "git cat-file --batch-all-objects" "git -C $2 cat-file --batch-all-objects --batch --buffer"
    add "the same, its gzip files expanded" "sh -c 'git -C $2 cat-file --batch-all-objects --batch --buffer | $HERE/expanded.py'"
    add "git rev-list --objects --all" "git -C $2 rev-list --objects --all"
    measure ;;
again)
    XDG_STATE_HOME="$STATE" $(scan --history "$2") >/dev/null || [ $? -eq 3 ]
    export XDG_STATE_HOME="$STATE"
    add "stanch, again" "$(scan --history "$2")"
    add "git rev-list --objects --all" "git -C $2 rev-list --objects --all"
    measure ;;
staged)
    cd "$2"
    add "stanch hook pre-commit" "$STANCH hook pre-commit"
    add "git diff --cached" "git diff --cached"
    peer "$KINGFISHER" "kingfisher --staged" "$KINGFISHER scan . $KINGFISHER_QUIET --staged"
    if [ -n "${COLD:-}" ]; then peer "$KINGFISHER" "kingfisher --staged, without its cache" "$KINGFISHER scan . $KINGFISHER_QUIET --staged --no-rule-cache"; fi
    peer "$GITLEAKS" "gitleaks git --staged" "$GITLEAKS git --staged --no-banner --redact"
    peer "$DETECT_SECRETS-hook" detect-secrets-hook "$DETECT_SECRETS-hook --no-verify $(git diff --cached --name-only | tr '\n' ' ')"
    peer "$RIPSECRETS" ripsecrets "$RIPSECRETS $(git diff --cached --name-only | tr '\n' ' ')"
    measure ;;
hurt)
    SAMPLE=(--sample)
    for file in "$2"/*; do add "$(basename "$file")" "$(scan "$file")"; done
    measure ;;
start)
    empty="$STATE/empty"; mkdir "$empty"
    add "stanch --version" "$STANCH --version"
    add "stanch scan of nothing" "$(scan "$empty")"
    peer "$KINGFISHER" "kingfisher --version" "$KINGFISHER --version"
    measure ;;
*) echo "compare: what is '$1'?" >&2; exit 2 ;;
esac
