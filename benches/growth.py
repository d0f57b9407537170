#!/usr/bin/env python3
"""What one machine cannot hold, computed: many repositories, many rotations at once, several daemons, one PostgreSQL that is
away for a while. A simulation of queues, with the costs that were measured and the limits that the program has.

    benches/growth.py [NAME=VALUE…]

Every parameter is printed first, and can be given. The same parameters give the same output: chance is drawn from `seed`.

What is simulated: daemons look at every repository in turn, a few at a time; pushes come at random, some leak a token, and at one
moment many tokens leak at once; each daemon takes up cases a few a turn and carries so many at once; a rotation is a row of
records, each of them a call to somebody outside and one turn at the chain of all records, which takes place one after the other on
the server. While the server is away nothing is recorded and no repository is taken; whoever waits for it goes on when it is back.
What is not: the server's other work, networks that lose packets, providers with limits of their own.
"""

import heapq
import random
import sys

PARAMETERS = {
    "repositories": 10_000,
    "daemons": 4,
    "minutes": 60,
    "every_s": 300.0,  # between two looks at a repository; webhooks are left out
    "scans_at_once": 2,  # of one daemon: AT_ONCE of src/daemon/scan.rs
    "look_s": 0.40,  # a fetch that brings nothing, mostly the network's
    "look_statements": 6,  # on the server, for taking a repository and handing it back
    "scan_s": 0.25,  # beyond that, where there was something new
    "pushes_per_repository_per_day": 8.0,
    "leaks_per_thousand_pushes": 1.0,
    "burst": 1_000,  # tokens that leak in one push
    "burst_at_s": 600.0,
    "away_at_s": 950.0,  # the server fails over, in the middle of it
    "away_s": 30.0,
    "records": 40,  # of one rotation
    "statements": 8,  # of the transaction that appends one, in the order in which they go
    "statements_in_turn": 6,  # of those while the chain is held
    "roundtrip_ms": 0.5,  # to the server
    "commit_ms": 1.0,  # until it is durable
    "statement_ms": 0.15,  # the server's own work
    "call_ms": 60.0,  # to a provider, a store or a dependent; every second record waits for one
    "waits_s": 20.5,  # the policy's own: proofs, confirms
    "carried_at_once": 1024,  # MOST of src/daemon/carry.rs
    "taken_a_turn": 32,  # TAKEN
    "turn_s": 0.5,  # TICK
    "seed": 20261122,
}


class World:
    def __init__(self, given):
        self.given = given
        self.now, self.events, self.order = 0.0, [], 0
        self.random = random.Random(given["seed"])
        self.chain_free = 0.0  # when the chain of all records is free again
        self.chain_busy = 0.0
        self.waited = []  # for the chain
        self.running = [0] * given["daemons"]
        self.open = []  # cases that nobody carries yet, with the moment of their push
        self.closed = []  # (when, how long after the push)
        self.most = 0
        self.backlog = 0.0
        self.looks = []  # how late each look was
        self.found = []  # how long after a push it was scanned
        self.pushed = {}  # what waits to be found in a repository
        self.due = []  # repositories by the time of their next look
        self.free = given["daemons"] * given["scans_at_once"]

    def at(self, when, what, *about):
        self.order += 1
        heapq.heappush(self.events, (when, self.order, what, about))

    def back(self, when):
        """That moment, or when the server is back."""
        away, until = self.given["away_at_s"], self.given["away_at_s"] + self.given["away_s"]
        return until if away <= when < until else when

    def statements(self, count):
        return count * (self.given["roundtrip_ms"] + self.given["statement_ms"]) / 1000

    def append(self, when):
        """When a record that is ready at this moment is durable."""
        given = self.given
        ready = self.back(when + self.statements(given["statements"] - given["statements_in_turn"]))
        start = self.back(max(ready, self.chain_free))
        holds = self.statements(given["statements_in_turn"]) + given["commit_ms"] / 1000
        if start < given["away_at_s"] < start + holds:
            start = given["away_at_s"] + given["away_s"]  # cut off: done again
        self.chain_free = start + holds
        self.chain_busy += holds
        self.waited.append(start - ready)
        return self.chain_free

    def run(self):
        given, end = self.given, self.given["minutes"] * 60
        for repository in range(given["repositories"]):
            heapq.heappush(self.due, (self.random.uniform(0, given["every_s"]), repository))
        pushes = given["repositories"] * given["pushes_per_repository_per_day"] / 86400
        moment = 0.0
        while True:
            moment += self.random.expovariate(pushes)
            if moment >= end:
                break
            leaks = 1 if self.random.random() < given["leaks_per_thousand_pushes"] / 1000 else 0
            self.at(moment, self.push, self.random.randrange(given["repositories"]), leaks)
        self.at(given["burst_at_s"], self.push, 0, given["burst"])
        for daemon in range(given["daemons"]):
            self.at(given["turn_s"] * daemon / given["daemons"], self.turn, daemon)
        self.at(0.0, self.look)
        while self.events and self.events[0][0] < end:
            self.now, _, what, about = heapq.heappop(self.events)
            what(*about)

    def push(self, repository, leaks):
        self.pushed.setdefault(repository, []).append((self.now, leaks))

    def look(self):
        """Whoever has time takes the repository that waits for longest."""
        given = self.given
        while self.free and self.due and self.due[0][0] <= self.now:
            wanted, repository = heapq.heappop(self.due)
            self.looks.append(self.now - wanted)
            self.free -= 1
            start = self.back(self.now + self.statements(given["look_statements"]))
            new = self.pushed.pop(repository, [])
            self.at(start + given["look_s"] + (given["scan_s"] if new else 0), self.looked, repository, wanted, new)
        if self.free and self.due:
            self.at(max(self.due[0][0], self.now), self.look)

    def looked(self, repository, wanted, new):
        self.free += 1
        heapq.heappush(self.due, (max(self.now, wanted + self.given["every_s"]), repository))
        opening = self.now
        for pushed, leaks in new:
            self.found.append(self.now - pushed)
            for _ in range(leaks):
                opening = self.append(opening)
                self.open.append((opening, pushed))
        self.look()

    def turn(self, daemon):
        given = self.given
        taken = 0
        while self.open and self.open[0][0] <= self.now and taken < given["taken_a_turn"] and self.running[daemon] < given["carried_at_once"]:
            _, pushed = self.open.pop(0)
            self.running[daemon] += 1
            taken += 1
            self.at(self.now + taken * 0.025, self.step, daemon, pushed, given["records"])
        self.most = max(self.most, sum(self.running))
        self.at(self.back(self.now + given["turn_s"]), self.turn, daemon)

    def step(self, daemon, pushed, left):
        given = self.given
        if left == 0:
            self.running[daemon] -= 1
            self.closed.append((self.now, self.now - pushed))
            return
        durable = self.append(self.now)
        outside = self.random.expovariate(1000 / given["call_ms"]) if left % 2 else 0.0
        waits = given["waits_s"] / 4 if left in (8, 7, 6, 5) else 0.0
        self.at(durable + outside + waits, self.step, daemon, pushed, left - 1)


def share(all_of, part):
    ordered = sorted(all_of)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] if ordered else float("nan")


def main():
    given = dict(PARAMETERS)
    for word in sys.argv[1:]:
        name, _, value = word.partition("=")
        if name not in given:
            raise SystemExit(f"there is no parameter '{name}'; there are: {', '.join(given)}")
        given[name] = type(given[name])(value)
    print(" ".join(f"{name}={value}" for name, value in given.items()))
    world = World(given)
    world.run()
    span = given["minutes"] * 60
    late = [one for one in world.looks if one > 1.0]
    print(f"looks: {len(world.looks)}, later than a second: {len(late)}, the latest by {max(world.looks):.0f} s")
    print(f"from a push to its scan: median {share(world.found, 0.5):.0f} s, nine of ten within {share(world.found, 0.9):.0f} s, the last {share(world.found, 1):.0f} s")
    print(f"rotations: {len(world.closed)} closed, {len(world.open) + sum(world.running)} open at the end, at most {world.most} carried at once")
    took = [one for _, one in world.closed]
    print(f"from a push to the end of its case: median {share(took, 0.5):.0f} s, nine of ten within {share(took, 0.9):.0f} s, the last {share(took, 1):.0f} s")
    capacity = 1 / (world.statements(given["statements_in_turn"]) + given["commit_ms"] / 1000)
    print(f"the chain: {capacity:.0f} records a second at most, that is {capacity / given['records']:.1f} rotations; busy {world.chain_busy / span * 100:.1f} % of the time; nine of ten records wait {share(world.waited, 0.9):.2f} s for it, the last {share(world.waited, 1):.1f} s")


if __name__ == "__main__":
    main()
