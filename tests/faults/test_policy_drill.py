"""A worker that is killed while it tells everybody of a policy change misses nobody, and nothing takes effect early."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from tests.system import ROOT

ACCOUNTS = 2_000 if os.environ.get("STUDIO_TORTURE") else 200
DRILL = f"import json; from bench import policy_drill; print(json.dumps(policy_drill.run({ACCOUNTS})))"


def test_everybody_is_told_although_the_worker_is_killed():
    # A process of its own: the drill has a database and a clock that nobody else's rows should see.
    done = subprocess.run([sys.executable, "-c", DRILL], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.strip().splitlines()[-1])
    assert (found["accounts"], found["missing"], found["kills"]) == (ACCOUNTS, 0, 3), found
    assert found["bounced"] == ACCOUNTS // 20, found
    assert found["duplicates"] <= found["kills"], found
    assert found["min_notice_days"] >= 14, found
