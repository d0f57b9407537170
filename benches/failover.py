#!/usr/bin/env python3
"""What a fail-over of the journal's PostgreSQL does to many rotations.

    benches/failover.py [--program stanch] [--rotations 1000] [--away SECONDS]   a synchronous standby takes over midway
    benches/failover.py [--program stanch] [--rotations 100] --behind            one takes over that lacks the last records

A primary and its standby are made here with the server programs of PostgreSQL, behind one address that follows whoever
is primary, as managed servers have one. The primary is killed when a third of the tokens are dead. In the first case every rotation
must end right at the provider, its store and its service, and the journal must verify; in the second nothing more may happen
at the provider, and the daemon must end and say why.
"""

import argparse
import asyncio
import glob
import importlib.util
import os
import pathlib
import secrets
import shutil
import socket
import subprocess
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
SPEC = importlib.util.spec_from_file_location("rotation", HERE / "rotation.py")
rotation = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(rotation)


def programs():
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb") + glob.glob("/usr/pgsql-*/bin/initdb"), reverse=True)
    found = found or [shutil.which("initdb") or ""]
    assert found[0], "the server programs of PostgreSQL are not there"
    return pathlib.Path(found[0]).parent


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Pair:
    """A primary, and a standby that follows it; synchronous, or not."""

    def __init__(self, synchronous):
        self.bin, self.password = programs(), secrets.token_hex(12)
        self.folder = tempfile.TemporaryDirectory(prefix="stanch-failover-")
        self.top = pathlib.Path(self.folder.name)
        (self.top / "password").write_text(self.password)
        # The server refuses to run as root.
        self.prefix = []
        if os.getuid() == 0:
            self.prefix = ["runuser", "-u", "postgres", "-w", "PGPASSWORD", "--"]
            subprocess.run(["chown", "-R", "postgres", self.top], check=True)
        self.ports = {"primary": free_port(), "standby": free_port()}
        self.run("initdb", "-D", self.top / "primary", "-A", "scram-sha-256", "-U", "admin", f"--pwfile={self.top / 'password'}", "-E", "UTF8", "--locale=C", "--no-sync")
        self.start("primary")
        self.sql("primary", "CREATE DATABASE journal")
        self.run("pg_basebackup", "-h", "127.0.0.1", "-p", self.ports["primary"], "-U", "admin", "-D", self.top / "standby", "-R", "-X", "stream", "-c", "fast")
        self.start("standby")
        if synchronous:
            # On the primary alone: a standby that took over would wait for one of its own.
            self.sql("primary", "ALTER SYSTEM SET synchronous_standby_names = '*'")
            self.sql("primary", "SELECT pg_reload_conf()")

    def run(self, program, *words):
        environment = {"PATH": os.environ["PATH"], "LANG": "C", "PGPASSWORD": self.password}
        command = [*self.prefix, str(self.bin / program), *map(str, words)]
        ran = subprocess.run(command, cwd="/", env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True)
        assert ran.returncode == 0, f"{command}: {ran.stdout}"
        return ran.stdout

    def control(self, name, *words):
        return self.run("pg_ctl", "-D", self.top / name, "-l", self.top / f"{name}.log", "-w", "-t", "60", *words)

    def start(self, name):
        options = f"-p {self.ports[name]} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=100"
        self.control(name, "-o", options, "start")

    def sql(self, name, statement):
        return self.run("psql", "-h", "127.0.0.1", "-p", self.ports[name], "-U", "admin", "-d", "postgres", "-At", "-c", statement).strip()

    def stop(self):
        for name in self.ports:
            if (self.top / name / "postmaster.pid").exists():
                self.control(name, "-m", "immediate", "stop")


class Address:
    """The one address that is named to the daemon: whoever is behind it changes."""

    def __init__(self, port):
        self.target, self.open = port, set()
        self.started = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self.main()), daemon=True).start()
        self.started.wait()

    async def main(self):
        self.loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self.started.set()
        await asyncio.Event().wait()

    async def serve(self, reader, writer):
        ends = [writer]
        try:
            there, to = await asyncio.open_connection("127.0.0.1", self.target)
            ends.append(to)
            self.open.update(ends)
            await asyncio.gather(self.pass_on(reader, to), self.pass_on(there, writer))
        except OSError:
            pass
        finally:
            for end in ends:
                self.open.discard(end)
                end.close()

    async def pass_on(self, reader, writer):
        try:
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    def follow(self, port):
        self.target = port
        self.loop.call_soon_threadsafe(lambda: [end.close() for end in list(self.open)])


def begun(program, pair, many):
    address = Address(pair.ports["primary"])
    os.environ["BENCH_SERVER"] = f"postgres://admin@127.0.0.1:{address.port}/journal?sslmode=disable"
    os.environ["BENCH_PASSWORD"] = pair.password
    policy = "when: automatic, soak: 0ms, proofs: 2, pause: 20ms, confirms: 3, confirm_pause: 100ms, watch: 0ms"
    shop = rotation.Shop(program, many, policy, "sources:\n  shop: { driver: path, path: pushed.git }\ndaemon: { poll: 1h }\n")
    leaked = list(shop.issuer.held)
    shop.start()
    shop.commit("settings.py", "".join(f"token_{account} = '{value}'\n" for account, value in enumerate(leaked)))
    return address, shop, leaked, shop.push()


def log_of(shop):
    return (shop.top / "daemon.log").read_text()[-3000:]


def records(shop):
    said = shop.stanch("audit", "verify", os.environ["BENCH_SERVER"], "--password-file", "password", may_fail=True)
    return said.returncode, (said.stdout + said.stderr).strip()


def takes_over(program, many, away):
    print(f"{many} rotations, and a synchronous standby that takes over after {away} s")
    pair = Pair(synchronous=True)
    address, shop, leaked, pushed = begun(program, pair, many)
    rotation.wait(lambda: shop.issuer.dead >= many // 3, 3600, lambda: log_of(shop))
    at = time.monotonic() - pushed
    pair.control("primary", "-m", "immediate", "stop")
    between, dead = shop.issuer.between(), shop.issuer.dead
    print(f"  {at:.1f} s after the push the primary is killed: {dead} old tokens are dead, {between} rotations are between mint and revoke", flush=True)
    time.sleep(away)
    pair.control("standby", "promote")
    address.follow(pair.ports["standby"])
    rotation.wait(lambda: shop.issuer.dead > dead + 2, 600, lambda: log_of(shop))
    print(f"  {time.monotonic() - pushed - at:.1f} s later the next old token is dead", flush=True)
    rotation.wait(lambda: shop.issuer.dead >= many and shop.closed() == many, 3600, lambda: log_of(shop))
    print(f"  all cases are closed {time.monotonic() - pushed:.1f} s after the push; CPU of the daemon {shop.cpu():.1f} s, peak {shop.memory('VmHWM'):.0f} MiB")
    for account, value in enumerate(leaked):
        shop.check(account, value)
    code, said = records(shop)
    assert code == 0, said
    minted = sum(1 for _, what, _ in shop.issuer.log if what == "minted")
    print(f"  every one is right at the provider, its store and its service; {minted} mints; uses {shop.issuer.served}, failed {shop.issuer.failed}; {said.splitlines()[0]}")
    assert shop.issuer.failed == 0
    shop.stop()
    pair.stop()


def is_behind(program, many):
    print(f"{many} rotations, and a standby that takes over without the last records")
    pair = Pair(synchronous=False)
    address, shop, _, pushed = begun(program, pair, many)
    rotation.wait(lambda: shop.issuer.dead >= many // 4, 3600, lambda: log_of(shop))
    pair.control("standby", "-m", "immediate", "stop")
    rotation.wait(lambda: shop.issuer.dead >= many // 3, 3600, lambda: log_of(shop))
    pair.control("primary", "-m", "immediate", "stop")
    pair.start("standby")
    pair.control("standby", "promote")
    at = time.monotonic()
    said = len(shop.issuer.log)
    address.follow(pair.ports["standby"])
    rotation.wait(lambda: shop.daemon.poll() is not None, 120, lambda: log_of(shop))
    done = [what for _, what, _ in shop.issuer.log[said:] if what in ("minted", "revoked")]
    print(f"  the daemon ends {time.monotonic() - at:.1f} s later with {shop.daemon.returncode}; minted or revoked since: {len(done)}")
    assert shop.daemon.returncode != 0 and "went back" in log_of(shop), log_of(shop)
    # What was on its way when the primary went is brought to its end; nothing is begun.
    again = shop.stanch("daemon", may_fail=True)
    assert again.returncode == 4 and "went back" in again.stderr, again.stderr
    assert [what for _, what, _ in shop.issuer.log[said:] if what in ("minted", "revoked")] == done
    print(f"  started again it says: {again.stderr.strip().splitlines()[0]}")
    pair.stop()


def main():
    reads = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reads.add_argument("--program", default=str(HERE / "../target/release/stanch"))
    reads.add_argument("--rotations", type=int, default=None)
    reads.add_argument("--away", type=float, default=5)
    reads.add_argument("--behind", action="store_true")
    asked = reads.parse_args()
    if asked.behind:
        is_behind(asked.program, asked.rotations or 100)
    else:
        takes_over(asked.program, asked.rotations or 1000, asked.away)


main()
