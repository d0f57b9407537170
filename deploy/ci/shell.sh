#!/bin/sh
# For every other service: run it in a whole clone. STANCH_BASE says what the commits are compared with; set it to the
# commit that was there before, or to the branch that the change is to go to.
set -eu
STANCH_BASE=${STANCH_BASE:-origin/main}
export STANCH_BASE
stanch ci --format lines --output sarif=stanch.sarif
