"""Asks a fresh strict_moto.py for everything the tests rely on, and ends the run, by name, at the first surprise.

Usage: strict_moto_check.py URL DIRECTORY (the one that holds aws.admin-id and aws.admin-secret).
"""

import os
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

REGION = "us-east-1"
URL, DIRECTORY = sys.argv[1:]


def client(service, key_id, secret):
    return boto3.client(
        service, endpoint_url=URL, region_name=REGION, aws_access_key_id=key_id, aws_secret_access_key=secret,
        config=Config(retries={"max_attempts": 1}, proxies={}),
    )


def expect(what, got, wanted):
    if got != wanted:
        sys.exit(f"moto: {what}: expected {wanted}, got {got}")


def refused(call, **arguments):
    """The code and status a call is refused with; None if it is not refused."""
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    return None


def check_keys(iam, admin_id):
    """Access keys: two at most, checked signatures, and refusal once inactive or deleted."""
    iam.create_user(UserName="check")
    key = iam.create_access_key(UserName="check")["AccessKey"]
    other = iam.create_access_key(UserName="check")["AccessKey"]
    expect("third key", refused(iam.create_access_key, UserName="check"), ("LimitExceeded", 409))

    identity = client("sts", key["AccessKeyId"], key["SecretAccessKey"]).get_caller_identity
    expect("own identity", identity()["Arn"].endswith(":user/check"), True)
    wrong = client("sts", key["AccessKeyId"], other["SecretAccessKey"]).get_caller_identity
    expect("wrong secret", refused(wrong), ("SignatureDoesNotMatch", 403))
    unknown = client("sts", "AKIA" + "0" * 16, other["SecretAccessKey"]).get_caller_identity
    expect("unknown key", refused(unknown), ("InvalidClientTokenId", 403))
    users = client("iam", key["AccessKeyId"], key["SecretAccessKey"]).list_users
    expect("action without a policy", refused(users), ("AccessDenied", 403))

    iam.update_access_key(UserName="check", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    expect("inactive key", refused(identity), ("InvalidClientTokenId", 403))
    values = client("secretsmanager", key["AccessKeyId"], key["SecretAccessKey"]).list_secrets
    expect("inactive key at the secret store", (refused(values) or (None, None))[1], 403)
    iam.update_access_key(UserName="check", AccessKeyId=key["AccessKeyId"], Status="Active")
    expect("key made active again", refused(identity), None)
    iam.delete_access_key(UserName="check", AccessKeyId=key["AccessKeyId"])
    expect("deleted key", refused(identity), ("InvalidClientTokenId", 403))
    again = refused(iam.delete_access_key, UserName="check", AccessKeyId=key["AccessKeyId"])
    expect("deletion of a deleted key", again, ("NoSuchEntity", 404))
    used = iam.get_access_key_last_used(AccessKeyId=admin_id)["AccessKeyLastUsed"]
    expect("last use is recorded", "LastUsedDate" in used, True)
    iam.delete_access_key(UserName="check", AccessKeyId=other["AccessKeyId"])
    iam.delete_user(UserName="check")


def check_values(values):
    """Versions and stages: tokens stand for one value, stages move only as asked."""
    name, first, second = "check", "1" * 32, "2" * 32
    values.create_secret(Name=name, SecretString="one", ClientRequestToken=first)
    staged = {"SecretId": name, "SecretString": "two", "ClientRequestToken": second, "VersionStages": ["AWSPENDING"]}
    values.put_secret_value(**staged)
    changed = refused(values.put_secret_value, **{**staged, "SecretString": "three"})
    expect("one token for two values", changed, ("ResourceExistsException", 400))
    expect("value still current", values.get_secret_value(SecretId=name)["SecretString"], "one")
    blind = refused(values.update_secret_version_stage, SecretId=name, VersionStage="AWSCURRENT", MoveToVersionId=second)
    expect("stage moved without naming its holder", (blind or (None, None))[1], 400)
    values.update_secret_version_stage(
        SecretId=name, VersionStage="AWSCURRENT", MoveToVersionId=second, RemoveFromVersionId=first
    )
    values.put_secret_value(**staged)
    stages = values.describe_secret(SecretId=name)["VersionIdsToStages"]
    expect("stages after a repeat", "AWSCURRENT" in stages[second] and stages[first] == ["AWSPREVIOUS"], True)
    expect("new value current", values.get_secret_value(SecretId=name)["SecretString"], "two")
    large = refused(values.put_secret_value, SecretId=name, SecretString="x" * 65_537)
    expect("value too large", large, ("InvalidParameterException", 400))
    values.put_secret_value(SecretId=name, SecretString="x" * 65_536)
    values.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    gone = refused(values.get_secret_value, SecretId=name)
    expect("deleted secret", (gone or (None, None))[0], "ResourceNotFoundException")


def read(name):
    with open(os.path.join(DIRECTORY, name), encoding="utf-8") as file:
        return file.read()


admin = read("aws.admin-id"), read("aws.admin-secret")
check_keys(client("iam", *admin), admin[0])
check_values(client("secretsmanager", *admin))
