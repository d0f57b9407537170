#!/usr/bin/env bash
# Those who take messages: aiosmtpd's mail servers, Debian's rsyslogd over UDP and TCP, Graylog's own reader of GELF, and
# what Slack and Microsoft have to judge a message by. Programs that the tests of deploy/ ask are seen to here as well:
# strace, systemd-analyze and promtool. `start DIR` or `stop DIR`.
NAME=sinks
VERSION=1.4.6
PARSER=0.26.0
# shellcheck source=tests/real/server.sh
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"

# needed PROGRAM PACKAGE: installs it where it is not there.
needed() { command -v "$1" >/dev/null || [ -x "/usr/sbin/$1" ] || install_packages "$2"; }

# Prints where Microsoft's library for cards is installed.
cards() {
    local folder="$CACHE/node-cards-3.0.6"
    if [ ! -d "$folder/node_modules/adaptivecards" ]; then
        needed npm npm
        rm -rf "$folder"
        mkdir -p "$folder"
        (cd "$folder" && npm install --silent --no-audit --no-fund --ignore-scripts adaptivecards@3.0.6 >&2) || fail "cannot install adaptivecards"
    fi
    echo "$folder"
}

# Builds the reader of GELF once per content of its sources and prints where it is.
reader() {
    local sum program
    sum="$(cat "$HERE"/gelf/main.go "$HERE"/gelf/go.mod "$HERE"/gelf/go.sum | sha256sum | cut -c1-16)"
    program="$CACHE/gelf-$sum"
    if [ ! -x "$program" ]; then
        needed go golang-go
        say "building Graylog's reader"
        (cd "$HERE/gelf" && CGO_ENABLED=0 GOFLAGS=-mod=readonly GOTOOLCHAIN=local go build -trimpath -o "$program.part" .) >&2 || fail "cannot build Graylog's reader"
        mv "$program.part" "$program"
    fi
    echo "$program"
}

start() {
    local python folder="$RUN_DIR/sinks" port pid gelf
    python="$(python_with sinks "aiosmtpd==$VERSION" "prometheus-client==$PARSER" "slack-sdk==3.47.0")"
    needed rsyslogd rsyslog
    needed openssl openssl
    needed strace strace
    needed systemd-analyze systemd
    needed promtool prometheus
    mkdir -p "$folder"
    secret_file "$folder/mail.password"
    # An authority of our own, and what it says of this machine.
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=stanch tests' -keyout "$folder/ca.key" -out "$folder/ca.pem" \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign 2>/dev/null
    openssl req -newkey rsa:2048 -nodes -subj '/CN=localhost' -keyout "$folder/mail.key" -out "$folder/mail.csr" 2>/dev/null
    openssl x509 -req -in "$folder/mail.csr" -CA "$folder/ca.pem" -CAkey "$folder/ca.key" -CAcreateserial -days 2 -out "$folder/mail.pem" \
        -extfile <(printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n') 2>/dev/null
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=a stranger' -keyout "$folder/stranger.key" -out "$folder/stranger.pem" 2>/dev/null
    env -i PATH="$PATH" HOME="$RUN_DIR" LC_ALL=C.UTF-8 "$python" "$HERE/sinks.py" "$folder" >"$RUN_DIR/sinks.log" 2>&1 </dev/null &
    pid=$!
    echo "$pid" >"$RUN_DIR/sinks.pid"
    wait_for 60 "$pid" test -s "$folder/mail.ports" || { tail -n 20 "$RUN_DIR/sinks.log" >&2; fail "the mail servers did not start"; }
    port="$(free_port)"
    cat >"$folder/rsyslog.conf" <<CONF
global(workDirectory="$folder" maxMessageSize="64k" parser.escapeControlCharactersOnReceive="on")
module(load="imudp")
module(load="imtcp")
template(name="json" type="list") {
  constant(value="{")
  property(name="pri" outname="pri" format="jsonf") constant(value=",")
  property(name="protocol-version" outname="version" format="jsonf") constant(value=",")
  property(name="timereported" dateFormat="rfc3339" outname="time" format="jsonf") constant(value=",")
  property(name="hostname" outname="host" format="jsonf") constant(value=",")
  property(name="app-name" outname="app" format="jsonf") constant(value=",")
  property(name="procid" outname="process" format="jsonf") constant(value=",")
  property(name="msgid" outname="msgid" format="jsonf") constant(value=",")
  property(name="structured-data" outname="data" format="jsonf") constant(value=",")
  property(name="inputname" outname="input" format="jsonf") constant(value=",")
  property(name="msg" outname="msg" format="jsonf")
  constant(value="}\n")
}
ruleset(name="keep") { action(type="omfile" file="$folder/syslog.jsonl" template="json") }
input(type="imudp" address="127.0.0.1" port="$port" ruleset="keep")
input(type="imtcp" address="127.0.0.1" port="$port" ruleset="keep")
CONF
    PATH="$PATH:/usr/sbin" rsyslogd -n -f "$folder/rsyslog.conf" -i "$folder/rsyslogd.pid" >"$folder/server.log" 2>&1 </dev/null &
    pid=$!
    echo "$pid" >"$RUN_DIR/rsyslogd.pid"
    wait_for 30 "$pid" python3 -c "import socket; socket.create_connection(('127.0.0.1', $port), 1)" \
        || { tail -n 20 "$folder/server.log" >&2; fail "rsyslogd did not start"; }
    "$(reader)" "$folder/gelf.jsonl" >"$folder/gelf.address" 2>>"$folder/server.log" </dev/null &
    pid=$!
    echo "$pid" >"$RUN_DIR/gelf.pid"
    wait_for 30 "$pid" test -s "$folder/gelf.address" || fail "Graylog's reader did not start"
    gelf="$(cat "$folder/gelf.address")"
    # shellcheck disable=SC2046
    set -- $(cat "$folder/mail.ports")
    remember STANCH_TEST_MAIL_LOGIN="127.0.0.1:$1" STANCH_TEST_MAIL_STARTTLS="localhost:$2" STANCH_TEST_MAIL_IMPLICIT="localhost:$3" \
        STANCH_TEST_MAIL_PASSWORD_FILE="$folder/mail.password" STANCH_TEST_MAIL_AUTHORITY="$folder/ca.pem" \
        STANCH_TEST_MAILS="$folder/mails" STANCH_TEST_SYSLOG="127.0.0.1:$port" STANCH_TEST_SYSLOG_FILE="$folder/syslog.jsonl" \
        STANCH_TEST_SINKS_PYTHON="$python" STANCH_TEST_CARDS="$(cards)" STANCH_TEST_GELF="$gelf" \
        STANCH_TEST_GELF_FILE="$folder/gelf.jsonl"
    describe "real (mail, log)" "$VERSION" "127.0.0.1:$1"
}

stop() {
    local other
    for other in rsyslogd gelf; do
        [ ! -s "$RUN_DIR/$other.pid" ] || end_pid "$(cat "$RUN_DIR/$other.pid")" TERM
        rm -f "$RUN_DIR/$other.pid"
    done
    stop_server TERM
}

main "$@"
