#!/usr/bin/env python3
"""How fast a leak is closed, and what many rotations at once take.

    benches/rotation.py [--program stanch] dead   [ROUNDS]        from the end of a push to a token observed dead
    benches/rotation.py [--program stanch] flight [ROTATIONS]     so many in flight at once on one daemon
    benches/rotation.py [--program stanch] replay [RECORDS]       a journal of so many records, read again
    benches/rotation.py [--program stanch] poll   [REPOSITORIES]  a daemon that watches so many in which nothing happens

The program runs as its operators run it, in a process of its own; issuer and services are this process, and what is claimed is
looked up there, in the store through the files that it exports, and in the journal by `stanch audit verify`. Times are of the
wall, so a busy machine shows in them; CPU seconds are those of the daemon. BENCH_SERVER=postgres://USER@HOST:PORT/DATABASE with
BENCH_PASSWORD puts the journal of `dead` and `flight` there; the database must be an empty one.
"""

import argparse
import asyncio
import hashlib
import json
import os
import pathlib
import secrets
import signal
import sqlite3
import statistics
import string
import subprocess
import tempfile
import threading
import time

LETTERS = string.ascii_letters + string.digits
CLOCK = os.sysconf("SC_CLK_TCK")


class Issuer:
    """An issuer with many accounts, each with one service that uses its token, on one loopback port."""

    def __init__(self, accounts, files):
        self.lock = threading.Lock()
        self.tokens = []  # [account, name, value, alive]
        self.numbers = {}
        self.accounts = [[] for _ in range(accounts)]
        self.log = []  # (time, what, number of the token)
        self.files = files
        self.held = [self.tokens[self.issue(account, "first")][2] for account in range(accounts)]
        self.served = self.failed = 0
        self.dead = 0
        started = threading.Event()
        threading.Thread(target=self.run, args=(started,), daemon=True).start()
        started.wait()

    def issue(self, account, name):
        value = "stanch_" + "demo_" + "".join(secrets.choice(LETTERS) for _ in range(40))
        number = len(self.tokens)
        self.tokens.append([account, name, value, True])
        self.accounts[account].append(number)
        self.numbers[value] = number
        return number

    def run(self, started):
        async def main():
            server = await asyncio.start_server(self.serve, "127.0.0.1", 0, backlog=1024)
            self.address = "127.0.0.1:%d" % server.sockets[0].getsockname()[1]
            started.set()
            while True:
                await asyncio.sleep(0.02)
                with self.lock:
                    failed = sum(1 for value in self.held if not self.tokens[self.numbers[value]][3])
                    self.failed += failed
                    self.served += len(self.held) - failed

        asyncio.run(main())

    async def serve(self, reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                method, path, _ = head[0].split(" ", 2)
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                bearer = headers.get("authorization", "").removeprefix("Bearer ")
                with self.lock:
                    status, answer = self.answer(method, path, bearer, body)
                text = json.dumps(answer).encode() if answer is not None else b""
                writer.write(b"HTTP/1.1 %d Any\r\ncontent-length: %d\r\ncontent-type: application/json\r\n\r\n" % (status, len(text)) + text)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def answer(self, method, path, bearer, body):
        if path == "/v1/token":
            number = self.numbers.get(bearer)
            if number is None:
                return 401, {}
            alive = self.tokens[number][3]
            self.log.append((time.monotonic(), "accepted" if alive else "refused", number))
            return (200, {"id": f"tok_{number:04}"}) if alive else (401, {})
        if path.startswith("/service/"):
            _, _, account, act = path.split("/")
            if act == "reload":
                self.held[int(account)] = (self.files / f"{account}.token").read_text().strip()
                return 204, None
            number = self.numbers[self.held[int(account)]]
            return (200, {"token": f"tok_{number:04}"}) if self.tokens[number][3] else (503, {})
        account = int(bearer.removeprefix("authority-of-")) if bearer.startswith("authority-of-") else None
        if account is None:
            return 403, {}
        if method == "POST":
            number = self.issue(account, json.loads(body)["name"])
            self.log.append((time.monotonic(), "minted", number))
            return 201, {"id": f"tok_{number:04}", "secret": self.tokens[number][2]}
        if method == "GET":
            own = [number for number in self.accounts[account] if self.tokens[number][3]]
            return 200, {"tokens": [{"id": f"tok_{n:04}", "name": self.tokens[n][1], "created": 1, "last_used": None} for n in own]}
        number = int(path.rsplit("tok_", 1)[1])
        if self.tokens[number][0] != account or not self.tokens[number][3]:
            return 404, {}
        self.tokens[number][3] = False
        self.dead += 1
        self.log.append((time.monotonic(), "revoked", number))
        return 204, None

    def live(self, account):
        with self.lock:
            return [self.tokens[number][2] for number in self.accounts[account] if self.tokens[number][3]]

    def between(self):
        """Accounts of which more than one token lives: they are between their mint and their revoke."""
        with self.lock:
            return sum(1 for own in self.accounts if sum(1 for number in own if self.tokens[number][3]) > 1)


class Shop:
    """A scratch directory: so many managed credentials, a repository to push into, and the daemon that watches it."""

    def __init__(self, program, many, policy, more):
        self.program, server = os.path.abspath(program), os.environ.get("BENCH_SERVER")
        self.on_server = server is not None
        self.folder = tempfile.TemporaryDirectory(prefix="stanch-bench-")
        self.top = pathlib.Path(self.folder.name)
        tokens = self.top / "tokens"
        tokens.mkdir()
        self.issuer = Issuer(many, tokens)
        journal = "journal: journal.db"
        if server:
            password = self.top / "password"
            password.touch(0o600)
            password.write_text(os.environ["BENCH_PASSWORD"])
            journal = f"journal: {{ server: '{server}', password: {{ file: password }}, state: state }}"
        text = [journal, "stores:", "  local: { driver: local, directory: secrets }", "credentials:"]
        for account in range(many):
            base = f"http://{self.issuer.address}"
            authority = tokens / f"{account}.authority"
            authority.touch(0o600)
            authority.write_text(f"authority-of-{account}")
            text += [
                f"  shop-{account}:",
                "    kind: stanch.demo-token",
                f"    provider: {{ driver: http, base: '{base}', authority: {{ file: tokens/{account}.authority }} }}",
                f"    stores: [{{ store: local, path: shop/{account}, export: tokens/{account}.token }}]",
                "    dependents:",
                f"      - name: service-{account}",
                f"        http: {{ url: '{base}/service/{account}/health', expect: {{ body: {{ /token: '{{{{token}}}}' }} }} }}",
                f"        reload: {{ post: '{base}/service/{account}/reload' }}",
                f"    policy: {{ {policy} }}",
            ]
        (self.top / "stanch.yaml").write_text("\n".join(text) + "\n" + more)
        for account in range(many):
            self.stanch("store", "fill", f"shop-{account}", "--secret", "-", text=self.issuer.held[account])
        self.git(".", "init", "-q", "--bare", "-b", "main", "pushed.git")
        self.git(".", "clone", "-q", "pushed.git", "clone")
        self.commit("README", "a shop\n")
        self.push()
        self.daemon = None

    def environment(self):
        return {
            "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(self.top), "XDG_STATE_HOME": str(self.top / "state"),
            "STANCH_CONFIG": str(self.top / "stanch.yaml"), "GIT_CONFIG_NOSYSTEM": "1",
        }

    def stanch(self, *words, text=None, may_fail=False):
        ran = subprocess.run([self.program, *words], cwd=self.top, env=self.environment(), input=text, capture_output=True, text=True)
        if ran.returncode != 0 and not may_fail:
            raise SystemExit(f"{words}: {ran.returncode}\n{ran.stdout}{ran.stderr}")
        return ran

    def git(self, at, *words):
        identity = ["-c", "user.name=kim", "-c", "user.email=kim@example.invalid"]
        subprocess.run(["git", *identity, *words], cwd=self.top / at, env=self.environment(), check=True, capture_output=True)

    def commit(self, name, text):
        (self.top / "clone" / name).write_text(text)
        self.git("clone", "add", "-A")
        self.git("clone", "commit", "-qm", "a commit")

    def push(self):
        """The moment at which git ended."""
        self.git("clone", "push", "-q", "origin", "HEAD")
        return time.monotonic()

    def start(self):
        log = open(self.top / "daemon.log", "w")
        self.daemon = subprocess.Popen([self.program, "daemon"], cwd=self.top, env=self.environment(), stderr=log, stdin=subprocess.DEVNULL)
        while self.stanch("reload", may_fail=True).returncode != 0:
            assert self.daemon.poll() is None, (self.top / "daemon.log").read_text()

    def stop(self):
        self.daemon.send_signal(signal.SIGTERM)
        self.daemon.wait()

    def memory(self, of):
        text = pathlib.Path(f"/proc/{self.daemon.pid}/status").read_text()
        return next(int(line.split()[1]) for line in text.splitlines() if line.startswith(of)) / 1024

    def cpu(self):
        fields = pathlib.Path(f"/proc/{self.daemon.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / CLOCK

    def closed(self):
        """Cases that are over: asked in the journal's own file, or of the program."""
        if self.on_server:
            cases = json.loads(self.stanch("case", "list", "--json").stdout)["cases"]
            return sum(1 for case in cases if case["stage"] == "Closed")
        reading = sqlite3.connect(f"file:{self.top / 'journal.db'}?mode=ro", uri=True, timeout=30)
        try:
            return reading.execute("SELECT count(*) FROM rotations WHERE open = 0").fetchone()[0]
        finally:
            reading.close()

    def check(self, account, leaked):
        """One token of the account lives, another than this; store and service have it."""
        live = self.issuer.live(account)
        exported = (self.top / "tokens" / f"{account}.token").read_text().strip()
        assert len(live) == 1 and live[0] != leaked, f"account {account}: {len(live)} live"
        assert exported == live[0] and self.issuer.held[account] == live[0], f"account {account} uses another one"


def wait(until, patience, why):
    deadline = time.monotonic() + patience
    while not until():
        assert time.monotonic() < deadline, why()
        time.sleep(0.01)


def dead(program, rounds):
    confirms = 3
    policy = f"when: automatic, soak: 0ms, proofs: 3, pause: 20ms, confirms: {confirms}, confirm_pause: 20ms, watch: 0ms"
    print(f"from the end of a push to a dead token, {rounds} rounds: {policy}")
    shop = Shop(program, 1, policy, "sources:\n  shop: { driver: path, path: pushed.git }\ndaemon: { poll: 1h }\n")
    shop.start()
    log = shop.issuer.log
    steps = {"the provider is first asked about it": [], "the new token is minted": [], "the old one is revoked": [], "it is refused": [], "it is observed dead": []}
    for number in range(rounds):
        leaked = shop.issuer.held[0]
        token = shop.issuer.numbers[leaked]
        shop.commit("settings.py", f"token = '{leaked}' # {number}\n")
        before = len(log)
        pushed = shop.push()

        def times(what, of=None):
            return [at - pushed for at, said, about in log[before:] if said == what and of in (None, about)]

        def refusals():
            ended = times("revoked", token)
            return [at for at in times("refused", token) if ended and at >= ended[0]]

        wait(lambda: len(refusals()) >= confirms, 120, lambda: (shop.top / "daemon.log").read_text())
        found = [times("accepted", token)[0], times("minted")[0], times("revoked", token)[0], refusals()[0], refusals()[confirms - 1]]
        for step, at in zip(steps.values(), found):
            step.append(at)
        wait(lambda: shop.closed() == number + 1, 60, lambda: f"{shop.closed()} are closed")
        shop.check(0, leaked)
        # At some moment of the daemon's turn, not always at the same.
        time.sleep(number * 97 % 500 / 1000)
    for step, all_of in steps.items():
        ordered = sorted(all_of)
        print(f"  {step:38} median {statistics.median(ordered):.3f} s, nine of ten within {ordered[len(ordered) * 9 // 10]:.3f} s, fastest {ordered[0]:.3f} s")
    print(f"  CPU of the daemon {shop.cpu() / rounds * 1000:.0f} ms a round; peak {shop.memory('VmHWM'):.0f} MiB; uses by the service {shop.issuer.served}, failed {shop.issuer.failed}")
    assert shop.issuer.failed == 0
    shop.stop()


def flight(program, many, soak):
    policy = f"when: automatic, soak: {soak}s, proofs: 2, pause: 20ms, confirms: 3, confirm_pause: 100ms, watch: 0ms"
    print(f"{many} rotations in flight: {policy}")
    shop = Shop(program, many, policy, "sources:\n  shop: { driver: path, path: pushed.git }\ndaemon: { poll: 1h }\n")
    leaked = list(shop.issuer.held)
    shop.start()
    print(f"  the daemon before: {shop.memory('VmRSS'):.0f} MiB")
    shop.commit("settings.py", "".join(f"token_{account} = '{value}'\n" for account, value in enumerate(leaked)))
    pushed, before = shop.push(), shop.cpu()
    most, minted, ended = 0, None, None
    while shop.issuer.dead < many:
        between = shop.issuer.between()
        most = max(most, between)
        now = (time.monotonic() - pushed, shop.cpu() - before)
        if minted is None and between == many:
            minted = now
            print(f"  all have their new token after {now[0]:.1f} s and {now[1]:.1f} s of CPU; {shop.memory('VmRSS'):.0f} MiB", flush=True)
        if ended is None and shop.issuer.dead:
            ended = now
            if minted:
                share = (now[1] - minted[1]) / (now[0] - minted[0])
                print(f"  all wait for {now[0] - minted[0]:.1f} s, meanwhile {share * 100:.1f} % of a core; {shop.memory('VmRSS'):.0f} MiB", flush=True)
        assert now[0] < 3600, (shop.top / "daemon.log").read_text()[-2000:]
        time.sleep(0.2)
    print(f"  the last old token is ended after {time.monotonic() - pushed:.1f} s")
    wait(lambda: shop.closed() == many, 600, lambda: f"{shop.closed()} are closed")
    print(f"  all cases are closed after {time.monotonic() - pushed:.1f} s; CPU {shop.cpu() - before:.1f} s; peak {shop.memory('VmHWM'):.0f} MiB; at most {most} between mint and revoke")
    for account, value in enumerate(leaked):
        shop.check(account, value)
    shop.stop()
    shop.stanch("audit", "verify", "journal.db")
    print(f"  every one is right at the provider, its store and its service; uses {shop.issuer.served}, failed {shop.issuer.failed}; the journal is whole")
    assert shop.issuer.failed == 0 and most == many
    size(shop.top / "journal.db")


def size(path):
    reading = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    (rotations,), (records,) = (reading.execute(f"SELECT count(*) FROM {table}").fetchone() for table in ("rotations", "records"))
    events = reading.execute("SELECT sum(length(event)) FROM records").fetchone()[0]
    reading.close()
    bytes_ = os.path.getsize(path)
    print(f"  {rotations} rotations, {records} records ({records / rotations:.1f} each), {bytes_ / 2**20:.1f} MiB: {bytes_ / records:.0f} bytes a record, of which {events / records:.0f} are its event")


def chained(*fields):
    whole = hashlib.sha256()
    for field in fields:
        whole.update(len(field).to_bytes(8, "big"))
        whole.update(field)
    return whole.hexdigest()


def number(of):
    return of.to_bytes(8, "big")


def replay(program, wanted):
    """One rotation is carried through by the program; what it wrote is written again under other names, chained anew as
    docs/journal.md says, until there are so many records. That the program finds the whole of it in order is the check."""
    print(f"a journal of {wanted} records")
    policy = "when: automatic, soak: 0ms, proofs: 2, pause: 20ms, confirms: 3, confirm_pause: 20ms, watch: 0ms"
    shop = Shop(program, 1, policy, "")
    shop.stanch("rotate", "--credential", "shop-0", "--yes")
    path = shop.top / "journal.db"
    book = sqlite3.connect(path)
    book.isolation_level = None
    one = book.execute("SELECT seq, epoch, monotonic, event FROM records ORDER BY seq").fetchall()
    columns = [row[1] for row in book.execute("PRAGMA table_info(rotations)") if row[1] != "number"]
    first = dict(zip(columns, book.execute(f"SELECT {', '.join(columns)} FROM rotations").fetchone()))
    leaf, link = book.execute("SELECT number, link FROM leaves ORDER BY number DESC").fetchone()
    nothing = chained()
    book.execute("BEGIN")
    for copy in range(2, -(-wanted // len(one)) + 1):
        name, previous = f"C-{copy:04}", nothing
        book.execute(
            f"INSERT INTO rotations ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",
            [dict(first, rotation=name, identity=f"other-{copy}")[column] for column in columns],
        )
        book.execute("INSERT INTO leases (rotation, epoch, holder, until) VALUES (?, 2, NULL, 0)", (name,))
        for seq, epoch, monotonic, event in one:
            event = event.replace("C-0001", name).replace("stanch-c0001-", f"stanch-{name.replace('-', '').lower()}-")
            made = chained(b"stanch record 1", previous.encode(), name.encode(), number(seq), number(epoch), number(monotonic), event.encode())
            book.execute("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?)", (name, seq, epoch, monotonic, event, previous, made))
            leaf += 1
            link = chained(b"stanch leaf 1", link.encode(), number(leaf), made.encode())
            book.execute("INSERT INTO leaves VALUES (?, ?, ?, ?)", (leaf, name, seq, link))
            previous = made
        book.execute("UPDATE rotations SET head = ? WHERE rotation = ?", (previous, name))
    book.execute("COMMIT")
    book.close()
    size(path)
    for what, words in (("every rotation is replayed and folded, and listed with its stage", ("case", "list", "--json")), ("the whole is verified", ("audit", "verify", "journal.db"))):
        took = []
        for _ in range(5):
            start, before = time.monotonic(), os.times()
            shop.stanch(*words)
            after = os.times()
            took.append((after.children_user + after.children_system - before.children_user - before.children_system, time.monotonic() - start))
        spent, wall = min(took)
        print(f"  {what}: {spent:.2f} s of CPU, {wall:.2f} s of the wall, {spent / leaf * 1e6:.1f} µs a record (`stanch {' '.join(words)}`, the best of 5)")


def poll(program, many):
    every, seconds = 5, 30
    print(f"{many} bare repositories in which nothing happens, each looked at every {every} s, for {seconds} s")
    sources = "sources:\n" + "".join(f"  shop-{number}: {{ driver: path, path: copy-{number}.git }}\n" for number in range(many))
    shop = Shop(program, 1, "when: automatic", sources + f"daemon: {{ poll: {every}s }}\n")
    for copy in range(many):
        shop.git(".", "clone", "-q", "--bare", "pushed.git", f"copy-{copy}.git")
    shop.start()

    def scanned():
        reading = sqlite3.connect(f"file:{shop.top / 'journal.db'}?mode=ro", uri=True, timeout=30)
        count = reading.execute("SELECT count(DISTINCT source) FROM tips").fetchone()[0]
        reading.close()
        return count

    wait(lambda: scanned() == many, 600, lambda: f"{scanned()} were scanned")
    time.sleep(every)
    before = shop.cpu()
    time.sleep(seconds)
    spent, looks = shop.cpu() - before, many * seconds / every
    print(f"  {spent / seconds * 100:.1f} % of a core: {spent / looks * 1000:.2f} ms of CPU a look; {shop.memory('VmRSS'):.0f} MiB")
    shop.stop()


def main():
    about = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    about.add_argument("--program", default="target/release/stanch")
    about.add_argument("--soak", type=int, default=120, help="how long every rotation of `flight` waits, in seconds")
    about.add_argument("what", choices=["dead", "flight", "replay", "poll"])
    about.add_argument("many", nargs="?", type=int)
    given = about.parse_args()
    match given.what:
        case "dead":
            dead(given.program, given.many or 30)
        case "flight":
            flight(given.program, given.many or 1000, given.soak)
        case "replay":
            replay(given.program, given.many or 100_000)
        case "poll":
            poll(given.program, given.many or 200)


if __name__ == "__main__":
    main()
