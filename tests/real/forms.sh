#!/usr/bin/env bash
# What is tried of hooks and jobs, once more in repositories of another form: with objects that are named by SHA-256, or
# with references in tables, which takes a git that knows them.
#
#   tests/real/forms.sh sha256|reftable
NAME="forms, ${1:-}"
# shellcheck source=tests/real/server.sh
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"
# shellcheck source=tests/real/git.sh
. "$(dirname "${BASH_SOURCE[0]}")/git.sh"

ROOT="$(cd "$HERE/../.." && pwd)"
case "${1:?sha256 or reftable}" in
    sha256) export GIT_DEFAULT_HASH=sha256 ;;
    reftable)
        PATH="$(new_git):$PATH"
        export PATH GIT_DEFAULT_REF_FORMAT=reftable
        ;;
    *) fail "there is no form $1" ;;
esac
cd "$ROOT"
cargo test --locked --quiet --no-default-features --test it -- \
    hooks_run:: hooks_set:: hook:: ci:: import:: forms:: elsewhere:: remembered::
cargo test --locked --quiet --test it -- daemon::a_work_tree daemon::a_leak daemon::files
