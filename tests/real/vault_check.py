"""Asks a fresh Vault for what the tests rely on: versions, check-and-set, the 404 of a missing path, the 403 of a bad token;
and of the database engine what it says of leases that are not there."""

import json
import sys
import urllib.error
import urllib.request

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(method, path, token, body=None):
    """One request; the status and the parsed reply."""
    request = urllib.request.Request(
        f"{BASE}/v1/{path}", method=method, headers={"X-Vault-Token": token},
        data=None if body is None else json.dumps(body).encode(),
    )
    try:
        with OPENER.open(request, timeout=10) as reply:
            status, text = reply.status, reply.read()
    except urllib.error.HTTPError as refused:
        status, text = refused.code, refused.read()
    return status, json.loads(text) if text else None


def expect(what, got, wanted):
    """Ends the run, by name, at the first surprise."""
    if got != wanted:
        sys.exit(f"vault: {what}: expected {wanted}, got {got}")


def check(token):
    status, reply = ask("PUT", "kv/data/check", token, {"data": {"a": "1"}, "options": {"cas": 0}})
    expect("first write", (status, reply["data"]["version"]), (200, 1))
    status, reply = ask("PUT", "kv/data/check", token, {"data": {"a": "2"}, "options": {"cas": 0}})
    expect("write with a stale version", status, 400)
    expect("its words", "check-and-set parameter did not match" in reply["errors"][0], True)
    status, reply = ask("PUT", "kv/data/check", token, {"data": {"a": "2"}, "options": {"cas": 1}})
    expect("second write", (status, reply["data"]["version"]), (200, 2))
    status, reply = ask("GET", "kv/data/check?version=1", token)
    expect("read of the first version", (status, reply["data"]["data"]), (200, {"a": "1"}))
    expect("missing path", ask("GET", "kv/data/none", token), (404, {"errors": []}))
    expect("soft delete", ask("POST", "kv/delete/check", token, {"versions": [2]})[0], 204)
    status, reply = ask("GET", "kv/data/check", token)
    expect("read of a deleted version", (status, reply["data"]["data"]), (404, None))
    expect("destroy", ask("POST", "kv/destroy/check", token, {"versions": [1]})[0], 204)
    status, reply = ask("GET", "kv/data/check?version=1", token)
    expect("read of a destroyed version", (status, reply["data"]["metadata"]["destroyed"]), (404, True))
    expect("removal", ask("DELETE", "kv/metadata/check", token)[0], 204)
    expect("read after removal", ask("GET", "kv/data/check", token)[0], 404)

    expect("a role that is not there", ask("GET", "database/creds/none", token), (400, {"errors": ["unknown role: none"]}))
    expect("no lease", ask("GET", "sys/leases/lookup/database/creds/none?list=true", token), (404, {"errors": []}))
    lease = {"lease_id": "database/creds/none/x1"}
    expect("a lease that is not there", ask("PUT", "sys/leases/lookup", token, lease), (400, {"errors": ["invalid lease"]}))
    expect("its revocation", ask("PUT", "sys/leases/revoke", token, {**lease, "sync": True})[0], 204)

    status, reply = ask("POST", "auth/token/create", token, {"policies": ["default"], "ttl": "1h"})
    child = reply["auth"]["client_token"]
    expect("child token", (status, ask("GET", "auth/token/lookup-self", child)[0]), (200, 200))
    expect("child may not write", ask("PUT", "kv/data/check", child, {"data": {}})[0], 403)
    expect("revocation", ask("POST", "auth/token/revoke-accessor", token, {"accessor": reply["auth"]["accessor"]})[0], 204)
    expect("revoked token", ask("GET", "auth/token/lookup-self", child)[0], 403)
    expect("unknown token", ask("GET", "auth/token/lookup-self", "nobody"), (403, {"errors": ["permission denied"]}))


BASE = sys.argv[1]
with open(sys.argv[2], encoding="utf-8") as file:
    check(file.read().strip())
