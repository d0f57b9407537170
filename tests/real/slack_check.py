"""Reads a Slack message from standard input and has Slack's own library judge its blocks: kinds, lengths, what is missing."""

import json
import sys

from slack_sdk.models.blocks import Block, ContextBlock, SectionBlock

message = json.load(sys.stdin)
blocks = Block.parse_all(message["blocks"])
for block in blocks:
    assert isinstance(block, (SectionBlock, ContextBlock)), block
    block.validate_json()
assert blocks and len(blocks) <= 50
# What it understood is what was meant.
assert [block.to_dict() for block in blocks] == message["blocks"], [block.to_dict() for block in blocks]
