"""Writes the answer of every task as a JSON line into the file that ANSWERS_FILE names, for tests to read."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: answers
type: aggregate
short_description: Answers of tasks as JSON lines
description: For tests.
"""


class CallbackModule(CallbackBase):
    """Hears how every task ended."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "answers"

    def v2_runner_on_ok(self, result: Any) -> None:
        self._keep(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        del ignore_errors  # the signature is Ansible's
        self._keep(result)

    def _keep(self, result: Any) -> None:
        answer = json.loads(self._dump_results(result.result, keep_invocation=False))
        with Path(os.environ["ANSWERS_FILE"]).open("a") as stream:
            stream.write(json.dumps({"task": result.task.get_name(), "answer": answer}) + "\n")
