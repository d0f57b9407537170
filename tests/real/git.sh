# A git that is newer than many machines have. Sourced after server.sh.

# new_git: prints the folder with a git that runs hooks named in its configuration: the one of this machine, or one
# built from the newest source that Debian has.
new_git() {
    local folder="$CACHE/git-new" work="$CACHE/git-new.building" here site
    here="$(git --version | awk '{ print $3 }')"
    if [ "$(printf '2.54\n%s\n' "$here" | sort -V | head -n 1)" = 2.54 ]; then dirname "$(command -v git)"; return; fi
    if ! [ -e "$folder/ready" ]; then
        command -v apt-get >/dev/null || fail "git 2.54 or later is needed, and there is no apt-get to have its source from"
        [ -e /usr/include/zlib.h ] && command -v make >/dev/null || install_packages build-essential zlib1g-dev
        say "building a new git"
        rm -rf "$work" "$folder"
        mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
        # The mirror that this machine has its packages from.
        site="$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Origin: Debian' | head -n 1)"
        [ -n "$site" ] || fail "git 2.54 or later is needed: this machine has no Debian mirror to have its source from"
        echo "deb-src $site sid main" >"$work/sources.list"
        printf 'Dir::Etc::sourcelist "%s/sources.list";\nDir::Etc::sourceparts "-";\nDir::State::lists "%s/lists";\nDir::Cache "%s/cache";\nAPT::Sandbox::User "root";\n' \
            "$work" "$work" "$work" >"$work/apt.conf"
        (cd "$work" && export APT_CONFIG="$work/apt.conf" && apt-get update -qq && apt-get source -qq --download-only git) >&2 \
            || fail "cannot have the source of git"
        (cd "$work" && tar xf git_*.orig.tar.* && cd git-*/ && make -j"$(nproc)" CFLAGS=-O1 NO_RUST=1 NO_CURL=1 NO_EXPAT=1 \
            NO_OPENSSL=1 NO_GETTEXT=1 NO_TCLTK=1 NO_PERL=1 NO_PYTHON=1 NO_ICONV=1 NO_GITWEB=1 INSTALL_SYMLINKS=1 \
            prefix="$folder" install) >"$CACHE/git-new.log" 2>&1 || fail "cannot build git: see $CACHE/git-new.log"
        rm -rf "$work"
        touch "$folder/ready"
    fi
    printf '%s\n' "$folder/bin"
}
