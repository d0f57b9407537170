#!/usr/bin/env python3
"""Runs commands in turn, one round after the other, and says what each took: medians, and ratios within the rounds.

    benches/paired.py [--runs N] [--cold] [--sample] NAME COMMAND [NAME COMMAND…]

A command is a line for the shell, which is asked only where it is needed; what it prints is thrown away. One round that is not counted comes first, so that the
page cache is warm. CPU is that of the process and all its children, as the system accounts it. The ratio is to the first command,
the median of those of the single rounds. The peak is the largest resident size of any of its processes; this script's
own size is a floor below which nothing is seen. With --sample a run of its own, which is not timed, looks at the anonymous
memory of the process every few hundred microseconds.
"""

import argparse
import os
import shlex
import statistics
import subprocess
import sys
import time


def plain(command):
    """The words of a command, without a shell where it needs none: to start one takes longer than to look at a commit."""
    return ["sh", "-c", command] if set(command) & set("|;<>$`(){}&*?[]~\n") else shlex.split(command)


def run(command):
    """CPU seconds, wall seconds, peak MiB and exit code of one run."""
    start = time.perf_counter()
    words = plain(command)
    pid = os.posix_spawnp(
        words[0],
        words,
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0),
            (os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0),
        ],
    )
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - start
    return usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024, os.waitstatus_to_exitcode(status)


def anonymous(pid):
    """Anonymous resident KiB of a process."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
            for line in status:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1])
    except (OSError, ValueError):
        pass
    return 0


def sampled(command, repeats):
    """Most anonymous MiB seen while the command runs."""
    most = 0
    for _ in range(repeats):
        process = subprocess.Popen(
            plain(command), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while process.poll() is None:
            most = max(most, anonymous(process.pid))
            time.sleep(0.0003)
    return most / 1024


def show(seconds):
    return f"{seconds:.4f}" if seconds < 0.1 else f"{seconds:.2f}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--cold", action="store_true", help="no round that is not counted")
    parser.add_argument("--sample", action="store_true", help="look at anonymous memory, in runs of their own")
    parser.add_argument("commands", nargs="+")
    given = parser.parse_args()
    if len(given.commands) % 2:
        parser.error("every command needs a name")
    named = list(zip(given.commands[::2], given.commands[1::2]))
    if not given.cold:
        for _, command in named:
            run(command)
    taken = {name: [] for name, _ in named}
    for _ in range(given.runs):
        for name, command in named:
            taken[name].append(run(command))
    first = taken[named[0][0]]
    print("| command | CPU s | wall s | peak MiB |" + (" anonymous MiB |" if given.sample else "") + " CPU ratio | wall ratio | exit |")
    print("|---|---|---|---|" + ("---|" if given.sample else "") + "---|---|---|")
    for name, command in named:
        rows = taken[name]
        cpu, wall, peak = (statistics.median(row[at] for row in rows) for at in range(3))
        ratios = [
            statistics.median(row[at] / max(base[at], 1e-6) for row, base in zip(rows, first)) for at in range(2)
        ]
        exits = ",".join(str(code) for code in sorted({row[3] for row in rows}))
        own = f" {sampled(command, 1 if wall > 0.2 else 20):.1f} |" if given.sample else ""
        spread = f" ({show(min(row[0] for row in rows))}-{show(max(row[0] for row in rows))})"
        print(
            f"| {name} | {show(cpu)}{spread} | {show(wall)} | {peak:.0f} |{own} {ratios[0]:.2f} | {ratios[1]:.2f} | {exits} |"
        )
        sys.stdout.flush()
    print(f"\n{given.runs} rounds; load {os.getloadavg()[0]:.1f} at the end")


main()
