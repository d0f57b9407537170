#!/usr/bin/env bash
# Archives, packages and documents as the real programs write them, each with one token in it: containers.sh FOLDER
#
# FOLDER/token is the token, FOLDER/samples holds the containers, and FOLDER/expected says of each what must come of it:
# found, found by the name in the cell beside it, or the reason why it must be named: encrypted, damaged, unsupported. FOLDER/small holds one small container of each
# form with the token in it, to be cut and damaged.
NAME=containers
# shellcheck source=tests/real/server.sh
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"

FOLDER="$1"
rm -rf "$FOLDER"
mkdir -p "$FOLDER/samples" "$FOLDER/work"
FOLDER="$(cd "$FOLDER" && pwd)"
WORK="$FOLDER/work"
SAMPLES="$FOLDER/samples"

wanted=()
have() { command -v "$1" >/dev/null || wanted+=("$2"); }
have zip zip
have 7z p7zip-full
have rpmbuild rpm
have cpio cpio
have xz xz-utils
have bzip2 bzip2
have zstd zstd
have lzip lzip
have brotli brotli
have lz4 lz4
have ar binutils
have javac default-jdk-headless
have dpkg-deb dpkg
[ "${#wanted[@]}" -eq 0 ] || install_packages "${wanted[@]}"
PYTHON="$(python_with containers 'python-docx==1.2.0' 'openpyxl==3.1.5' 'python-pptx==1.0.2' 'odfpy==1.4.1' 'reportlab==5.1.0' 'fpdf2==2.8.9' 'pikepdf==10.17.0' 'nbformat==5.10.4' 'py7zr==1.1.3' 'xlwt==1.3.0' 'msoffcrypto-tool==6.1.0')"

# Assembled here, so that this script holds nothing token-shaped.
TOKEN="sk_live_$(head -c 256 /dev/urandom | base64 | tr -dc 'A-Za-z0-9' | cut -c1-24)"
printf '%s' "$TOKEN" >"$FOLDER/token"
: >"$FOLDER/expected"
expect() { printf '%s\t%s\n' "$1" "$2" >>"$FOLDER/expected"; }

cd "$WORK"
mkdir -p tree/etc/deep
seq 1 3000 >tree/filler.txt
printf 'name=pay\nkey = "%s"\n' "$TOKEN" >tree/etc/deep/pay.conf
head -c 100000 /dev/urandom >tree/noise.bin

# Tar in its forms, and all that compresses it.
for form in v7 ustar gnu pax oldgnu; do
    tar --format="$form" -cf "$SAMPLES/$form.tar" tree
    expect "$form.tar" found
done
truncate -s 1M tree/holes.bin && printf 'key = "%s"\n' "$TOKEN" >>tree/holes.bin
tar --format=gnu -S -cf "$SAMPLES/sparse-gnu.tar" tree/holes.bin
tar --format=pax -S -cf "$SAMPLES/sparse-pax.tar" tree/holes.bin
rm tree/holes.bin
expect sparse-gnu.tar found
expect sparse-pax.tar found
cp "$SAMPLES/gnu.tar" plain.tar
gzip -c plain.tar >"$SAMPLES/a.tgz"
bzip2 -c plain.tar >"$SAMPLES/a.tar.bz2"
xz -c plain.tar >"$SAMPLES/a.tar.xz"
xz -T2 --block-size=20000 -c plain.tar >"$SAMPLES/blocks.tar.xz"
xz --x86 --lzma2 -c plain.tar >"$SAMPLES/filtered.tar.xz"
xz --format=lzma -c plain.tar >"$SAMPLES/a.tar.lzma"
lzip -c plain.tar >"$SAMPLES/a.tar.lz"
brotli -c plain.tar >"$SAMPLES/a.tar.br"
zstd -q -c plain.tar >"$SAMPLES/a.tar.zst"
zstd -q -19 --long=27 -c plain.tar >"$SAMPLES/long.tar.zst"
lz4 -q -c plain.tar >"$SAMPLES/a.tar.lz4"
for name in a.tgz a.tar.bz2 a.tar.xz blocks.tar.xz filtered.tar.xz a.tar.lzma a.tar.lz a.tar.br a.tar.zst long.tar.zst a.tar.lz4; do expect "$name" found; done
{ gzip -c tree/filler.txt; gzip -c tree/etc/deep/pay.conf; } >"$SAMPLES/members.txt.gz"
expect members.txt.gz found
head -c 20000 "$SAMPLES/a.tgz" >"$SAMPLES/cut.tgz"
expect cut.tgz damaged

# Zip by its own program, by Python, through a pipe, large, encrypted, cut.
zip -q -r "$SAMPLES/a.zip" tree
zip -q -r -0 "$SAMPLES/stored.zip" tree
zip -q -r -Z bzip2 "$SAMPLES/bzip2.zip" tree
zip -q -r - tree </dev/null | cat >"$SAMPLES/piped.zip"
zip -q -r -fz "$SAMPLES/zip64.zip" tree
zip -q -r -P secret "$SAMPLES/encrypted.zip" tree/etc
(cat /bin/true; cat "$SAMPLES/a.zip") >"$SAMPLES/self.zip"
head -c "$(($(stat -c %s "$SAMPLES/a.zip") - 200))" "$SAMPLES/a.zip" >"$SAMPLES/cut.zip"
for name in a stored bzip2 piped zip64 self; do expect "$name.zip" found; done
# Behind a program, a script, Python's own start: nothing but the end tells.
cp "$SAMPLES/self.zip" "$SAMPLES/self"
cp -r tree app && echo 'print("app")' >app/__main__.py
python3 -m zipapp -p '/usr/bin/env python3' -c -o "$SAMPLES/app" app
(printf '#!/bin/sh\nsed 1,/^exit/d "$0" | tar xz\nexit\n'; cat "$SAMPLES/a.tgz") >"$SAMPLES/install.sh"
for name in self app install.sh; do expect "$name" found; done
expect encrypted.zip encrypted
expect cut.zip damaged

# 7z: solid and not, each method, encrypted.
7z a -bd -bso0 -ms=on "$SAMPLES/solid.7z" tree
7z a -bd -bso0 -ms=off -m0=LZMA "$SAMPLES/single.7z" tree
7z a -bd -bso0 -m0=PPMd "$SAMPLES/ppmd.7z" tree
7z a -bd -bso0 -m0=BZip2 "$SAMPLES/bzip2.7z" tree
7z a -bd -bso0 -m0=Deflate "$SAMPLES/deflate.7z" tree
7z a -bd -bso0 -psecret "$SAMPLES/encrypted.7z" tree
7z a -bd -bso0 -psecret -mhe=on "$SAMPLES/closed.7z" tree
7z a -bd -bso0 -tzip -mm=LZMA "$SAMPLES/lzma.zip" tree
7z a -bd -bso0 -tzip -mm=Deflate64 "$SAMPLES/deflate64.zip" tree
7z a -bd -bso0 -tzip -psecret -mem=AES256 "$SAMPLES/aes.zip" tree/etc
for name in solid single ppmd bzip2 deflate; do expect "$name.7z" found; done
cat "$(dpkg -L p7zip-full | grep '7zCon.sfx$')" "$SAMPLES/solid.7z" >"$SAMPLES/unpacks-itself"
expect unpacks-itself found
expect encrypted.7z encrypted
expect closed.7z encrypted
expect lzma.zip found
expect deflate64.zip unsupported
expect aes.zip encrypted

# Packages.
for method in gzip xz zstd none; do
    mkdir -p deb/DEBIAN && cp -r tree/etc deb/
    printf 'Package: sample\nVersion: 1\nArchitecture: all\nMaintainer: nobody <nobody@localhost>\nDescription: sample\n' >deb/DEBIAN/control
    if dpkg-deb --root-owner-group -Z"$method" -b deb "$SAMPLES/$method.deb" >/dev/null 2>&1; then expect "$method.deb" found; fi
done
for payload in w9.gzdio w7.xzdio w3.zstdio w9.bzdio w6.lzdio; do
    mkdir -p rpm/SPECS
    cat >rpm/SPECS/sample.spec <<SPEC
Name: sample
Version: 1
Release: 1
Summary: a summary
License: none
BuildArch: noarch
%description
A description.
%install
mkdir -p %{buildroot}/etc/sample
cp "$WORK/tree/etc/deep/pay.conf" %{buildroot}/etc/sample/pay.conf
%files
/etc/sample/pay.conf
SPEC
    if rpmbuild -bb --quiet --define "_topdir $WORK/rpm" --define "_binary_payload $payload" --define "_build_name_fmt $payload.rpm" rpm/SPECS/sample.spec >rpm.log 2>&1; then
        cp "rpm/RPMS/$payload.rpm" "$SAMPLES/"
        expect "$payload.rpm" found
    fi
done
[ -e "$SAMPLES/w9.gzdio.rpm" ] || { tail -n 5 rpm.log >&2; fail "cannot build an RPM"; }
for form in newc odc bin crc; do
    find tree | cpio -o --quiet -H "$form" >"$SAMPLES/$form.cpio"
    expect "$form.cpio" found
done
ar rcs "$SAMPLES/a-library-with-a-rather-long-name.a" tree/etc/deep/pay.conf tree/filler.txt
expect a-library-with-a-rather-long-name.a found

# Compiled.
printf 'public class Pay { static final String KEY = "%s"; }\n' "$TOKEN" >Pay.java
javac Pay.java
cp Pay.class "$SAMPLES/Pay.class"
jar cf "$SAMPLES/pay.jar" Pay.class
expect Pay.class found
expect pay.jar found
printf 'KEY = "%s"\ndef f(a, b=(1, 2.5), *, c={"x": b"y"}):\n    return [lambda: a for _ in range(3)]\nclass C:\n    pass\n' "$TOKEN" >pay.py
for python in python2 python3 python3.6 python3.7 python3.8 python3.9 python3.10 python3.11 python3.12 python3.13 python3.14 pypy3; do
    # A name may be there for a version that is not.
    "$python" -c 'import py_compile, sys; py_compile.compile("pay.py", cfile=sys.argv[1], doraise=True)' "$SAMPLES/$python.pyc" 2>/dev/null || continue
    expect "$python.pyc" found
done
grep -q 'pyc' "$FOLDER/expected" || fail "no Python could compile"

"$PYTHON" "$HERE/containers.py" "$TOKEN" "$SAMPLES" >>"$FOLDER/expected"

# Small ones.
SMALL="$FOLDER/small"
mkdir -p "$SMALL" small && cd small
printf 'name = pay\nkey = "%s"\n' "$TOKEN" >pay.conf
tar --format=ustar -cf "$SMALL/ustar.tar" pay.conf
tar --format=pax -cf "$SMALL/pax.tar" pay.conf
tar -czf "$SMALL/a.tgz" pay.conf
gzip -c pay.conf >"$SMALL/a.gz"
bzip2 -c pay.conf >"$SMALL/a.bz2"
xz -c pay.conf >"$SMALL/a.xz"
xz --format=lzma -c pay.conf >"$SMALL/a.lzma"
lzip -c pay.conf >"$SMALL/a.lz"
zstd -q -c pay.conf >"$SMALL/a.zst"
lz4 -q -c pay.conf >"$SMALL/a.lz4"
zip -q -9 "$SMALL/a.zip" pay.conf
zip -q -0 "$SMALL/stored.zip" pay.conf
zip -q -Z bzip2 "$SMALL/bzip2.zip" pay.conf
7z a -bd -bso0 "$SMALL/a.7z" pay.conf
ar rcs "$SMALL/a.a" pay.conf
for form in newc odc bin; do echo pay.conf | cpio -o --quiet -H "$form" >"$SMALL/$form.cpio"; done
mkdir -p deb/DEBIAN deb/etc && cp ../deb/DEBIAN/control deb/DEBIAN/ && cp pay.conf deb/etc/
dpkg-deb --root-owner-group -b deb "$SMALL/a.deb" >/dev/null
cp "$SAMPLES/w9.gzdio.rpm" "$SMALL/a.rpm"
cp "$SAMPLES/pay.jar" "$SAMPLES/Pay.class" "$SAMPLES/old.xls" "$SAMPLES/packed.pdf" "$SAMPLES/wide.plist" "$SMALL/"
cp "$SAMPLES/python3.pyc" "$SMALL/a.pyc"
cp "$SAMPLES/overflow.db" "$SMALL/a.sqlite"
cp "$SAMPLES/packed.png" "$SMALL/a.png"
cd "$FOLDER"
rm -rf "$WORK"
echo "$(wc -l <"$FOLDER/expected") containers in $FOLDER/samples, $(find "$SMALL" -type f | wc -l) in $SMALL"
