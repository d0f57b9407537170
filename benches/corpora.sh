#!/usr/bin/env bash
# Makes what is measured on, out of what package registries serve, with their ordinary clients: cargo, npm, pip and git.
#
#   benches/corpora.sh DIRECTORY [WHAT…]
#
# WHAT is any of: crates bundles small history-django history-botocore blobs hurt staged. Without it, all of them: some 5 GB and half
# an hour. What is there is left alone, so that two measurements look at the same bytes.
set -euo pipefail
[ $# -gt 0 ] || { sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2; }
PROJECT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
mkdir -p "$1"; cd "$1"; shift
[ $# -gt 0 ] || set -- crates bundles small history-django history-botocore blobs hurt staged

# The sources of everything that this program is built from: 477 crates, 480 MB.
crates() { cargo vendor --quiet --locked --manifest-path "$PROJECT/Cargo.toml" "$PWD/crates" >/dev/null; }

# Published packages for browsers and servers, minified scripts above all; `bundles-500` is the six of them with the largest scripts.
PACKAGES="typescript next three monaco-editor @mui/icons-material date-fns rxjs lodash aws-sdk firebase d3 echarts react-native @angular/core
@angular/compiler @angular/material core-js webpack eslint prettier @babel/core @fluentui/react antd highlight.js mathjax pdfjs-dist plotly.js
cesium @swc/types googleapis svelte vue @aws-sdk/client-ec2 @aws-sdk/client-s3 openlayers ol maplibre-gl mermaid"
bundles() {
    mkdir -p bundles
    for package in $PACKAGES; do
        local into="bundles/${package//[\/@]/_}"
        packed="$(cd bundles && npm pack --silent "$package" | tail -n 1)"
        mkdir -p "$into"; tar xzf "bundles/$packed" -C "$into"; rm "bundles/$packed"
    done
    mkdir -p bundles-500
    for package in aws-sdk monaco-editor plotly.js mermaid react-native pdfjs-dist; do cp -al "bundles/$package" bundles-500/; done
}

# Single packages: a web framework, a library of small files, one large C source.
small() {
    [ -d crates ] || crates; [ -d bundles ] || bundles; [ -d history-django ] || history-django
    mkdir -p small
    cp -r history-django/django small/django
    cp -r bundles/core-js bundles/ol crates/libsqlite3-sys small/
}

# Releases of a Python package, oldest first, each committed over the one before.
history() {
    local package="$1" every="$2" out="$PWD/history-$1" wheels; wheels="$(mktemp -d)"
    git init -q "$out"
    for version in $(pip index versions "$package" 2>/dev/null | sed -n 's/^Available versions: //p' | tr ',' '\n' | tr -d ' ' |
        grep -E '^[0-9.]+$' | sort -V | awk "NR % $every == 1 || $every == 1"); do
        pip download -q --no-deps --only-binary :all: --disable-pip-version-check -d "$wheels" "$package==$version" >/dev/null 2>&1 || continue
        find "$out" -mindepth 1 -maxdepth 1 ! -name .git -exec rm -rf {} +
        (cd "$out" && python3 -m zipfile -e "$wheels"/*.whl . && git add -A && git -c user.name=r -c user.email=r@localhost commit -qm "$package $version")
        rm -f "$wheels"/*
    done
    rm -r "$wheels"; git -C "$out" gc -q
}
history-django() { history django 2; }
history-botocore() { history botocore 40; }

# 70,000 different blobs in one pack, in 700 commits: the second scan of it has nothing new to look at.
blobs() {
    [ -d bundles ] || bundles
    git init -q --bare blobs
    python3 - bundles <<'PYTHON' | git -C blobs fast-import --quiet
import hashlib, os, sys
out, seen, batch, commits = sys.stdout.buffer, set(), [], 0
def commit():
    global commits
    commits += 1
    message = b"packages %d" % commits
    out.write(b"commit refs/heads/main\ncommitter r <r@localhost> %d +0000\ndata %d\n%s\n" % (1700000000 + commits, len(message), message))
    for path, data in batch:
        out.write(b"M 100644 inline %s\ndata %d\n%s\n" % (path, len(data), data))
    out.write(b"\n")
    batch.clear()
for root in sys.argv[1:]:
    for folder, folders, files in os.walk(root):
        folders.sort()
        for name in sorted(files):
            path = os.path.join(folder, name)
            if os.path.islink(path) or not 0 < os.path.getsize(path) < 1 << 18:
                continue
            with open(path, "rb") as file:
                data = file.read()
            digest = hashlib.sha1(data).digest()
            if digest in seen or any(c in path for c in "\"\n\\ "):
                continue
            seen.add(digest)
            batch.append((path.encode(), data))
            if len(batch) == 100:
                commit()
            if len(seen) == 70000:
                sys.exit(commit() if batch else None)
PYTHON
    git -C blobs symbolic-ref HEAD refs/heads/main
    git -C blobs -c pack.threads=1 repack -q -a -d
}

# Input that is meant to hurt.
hurt() {
    mkdir -p hurt
    head -c 100000000 /dev/zero | tr '\0' 'a' > hurt/one-line-of-one-letter.txt
    head -c 75000000 /dev/urandom | base64 -w 0 > hurt/base64-of-noise-one-line.txt
    head -c 73000000 /dev/urandom | base64 > hurt/base64-of-noise-wrapped.txt
    head -c 75000000 < <(while cat crates/*/src/lib.rs 2>/dev/null; do :; done) | base64 -w 0 > hurt/base64-of-text-one-line.txt
    head -c 100000000 < <(while cat bundles/plotly.js/package/dist/plotly.min.js; do :; done) | tr '\n' ' ' > hurt/minified-one-line.txt
    awk 'BEGIN { for (i = 0; i < 1000000; i++) print "heroku_api_key = secret password token api_key aws_secret_access_key" }' > hurt/a-million-keywords.txt
    awk 'BEGIN { for (i = 0; i < 4000000; i++) printf "AK%s%016d ", "IA", i }' > hurt/key-ids-without-secrets.txt
    head -c 10000000000 /dev/zero | gzip -9 > hurt/bomb.gz
    python3 - <<'PYTHON'
import zipfile
with zipfile.ZipFile("hurt/bomb.zip", "w", zipfile.ZIP_DEFLATED) as outer:
    for number in range(100):
        with outer.open(f"{number}.txt", "w", force_zip64=True) as member:
            for _ in range(100):
                member.write(bytes(1 << 20))
PYTHON
    truncate -s 10G hurt/sparse.bin
}

# A repository of 400 files, in which ten lines are staged.
staged() {
    git init -q staged
    for number in $(seq 400); do
        mkdir -p "staged/src/part$((number % 20))"
        awk -v n="$number" 'BEGIN { for (i = 0; i < 100; i++) printf "def compute_%d_%d(values):\n    return sum(value * %d for value in values)\n", n, i, i }' > "staged/src/part$((number % 20))/module$number.py"
    done
    git -C staged add -A; git -C staged -c user.name=r -c user.email=r@localhost commit -qm 'four hundred files'
    for line in $(seq 10); do echo "setting_$line = read_setting('name_$line', default=$line)" >> staged/src/part7/module7.py; done
    git -C staged add -A
}

for what; do
    if [ -e "$what" ]; then echo "$what: is there" >&2; else echo "$what" >&2; "$what"; fi
done
