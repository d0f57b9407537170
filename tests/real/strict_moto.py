"""moto with six gaps closed, serving on loopback with authentication on from the first request.

moto checks signatures and inline policies, but it accepts an access key that was set inactive, lets a client request
token be used again with another value, moves stages when the same value comes again under the same token, takes values
above 64 KiB, after AWSCURRENT was moved still hands the old value to readers that name no stage, and answers 500 to who
asks while another request makes a user. AWS does none of that, and rotations rely on it.
The names changed here are private to moto, so its version is pinned and strict_moto_check.py runs at every start.

Usage: strict_moto.py PORT DIRECTORY. Writes aws.admin-id and aws.admin-secret (owner only) into the directory.
"""

import io
import json
import os
import sys
import threading

from moto import settings
from moto.core import DEFAULT_ACCOUNT_ID
from moto.iam import access_control
from moto.iam.models import iam_backends
from moto.secretsmanager import models as secrets_models
from moto.secretsmanager.exceptions import InvalidParameterException, ResourceExistsException
from moto.server import DomainDispatcherApplication, main

LARGEST_VALUE_BYTES = 65_536

ADMIN = "stanch-admin"
ADMIN_POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["iam:*", "sts:*", "secretsmanager:*"], "Resource": "*"}],
}


def refuse_inactive_keys():
    """An inactive key is refused as an unknown one is, in every service."""
    accept = access_control.IAMUserAccessKey.__init__

    def accept_active(self, account_id, partition, access_key_id, headers):
        accept(self, account_id, partition, access_key_id, headers)
        for user in self.backend.users.values():
            for key in user.access_keys:
                if key.access_key_id == access_key_id and key.status == "Inactive":
                    raise access_control.CreateAccessKeyFailure(reason="InvalidId")

    access_control.IAMUserAccessKey.__init__ = accept_active


def refuse_changed_and_large_values():
    """One client request token stands for one value, and comes again without effect; a value has a largest size."""
    add = secrets_models.SecretsManagerBackend._add_secret

    def add_checked(self, secret_id, secret_string=None, secret_binary=None, **rest):
        for value in (secret_string, secret_binary):
            size = len(value.encode() if isinstance(value, str) else value or b"")
            if size > LARGEST_VALUE_BYTES:
                raise InvalidParameterException(f"the value is larger than {LARGEST_VALUE_BYTES} bytes")
        version = rest.get("version_id")
        if version and (secret_string, secret_binary) != (None, None) and secret_id in self.secrets:
            secret = self.secrets[secret_id]
            held = secret.versions.get(version)
            if held and (held.get("secret_string"), held.get("secret_binary")) != (secret_string, secret_binary):
                raise ResourceExistsException("another value is stored under this client request token")
            if held:
                return secret, False
        return add(self, secret_id, secret_string=secret_string, secret_binary=secret_binary, **rest)

    secrets_models.SecretsManagerBackend._add_secret = add_checked


def follow_the_current_stage():
    """Who reads without naming a stage reads what AWSCURRENT stands on, wherever it was moved to."""
    move = secrets_models.SecretsManagerBackend.update_secret_version_stage

    def move_and_follow(self, secret_id, version_stage, remove_from_version_id, move_to_version_id):
        moved = move(self, secret_id, version_stage, remove_from_version_id, move_to_version_id)
        if version_stage == "AWSCURRENT" and move_to_version_id:
            self.secrets[secret_id].set_default_version_id(move_to_version_id)
        return moved

    secrets_models.SecretsManagerBackend.update_secret_version_stage = move_and_follow


def answer_one_after_the_other():
    """Threads read what clients send, however slowly, but only one at a time is at moto's dictionaries."""
    answer, turn = DomainDispatcherApplication.__call__, threading.Lock()

    def answer_alone(self, environ, start_response):
        environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
        with turn:
            return answer(self, environ, start_response)

    DomainDispatcherApplication.__call__ = answer_alone


def make_admin(directory):
    """The one user that exists at the start, and the files its key is read from."""
    iam = iam_backends[DEFAULT_ACCOUNT_ID]["aws"]
    iam.create_user("us-east-1", ADMIN)
    iam.put_user_policy(ADMIN, "administers-the-tests", json.dumps(ADMIN_POLICY))
    key = iam.create_access_key(ADMIN)
    for name, value in (("aws.admin-id", key.access_key_id), ("aws.admin-secret", key.secret_access_key)):
        descriptor = os.open(os.path.join(directory, name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(value)


if __name__ == "__main__":
    port, directory = sys.argv[1:]
    refuse_inactive_keys()
    refuse_changed_and_large_values()
    follow_the_current_stage()
    answer_one_after_the_other()
    make_admin(directory)
    settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
    main(["-H", "127.0.0.1", "-p", port])
