"""Logs are JSON lines that tell where something went wrong and never what a person wrote."""

import json
import subprocess
import sys

PROGRAM = """
import logging, structlog
from smi_bot.logs import configure_logs
configure_logs()
try:
    raise ValueError("what Ann wrote")
except ValueError as error:
    logging.getLogger("a.library").error("it failed %s times", 3, exc_info=True)
    structlog.get_logger().error("we failed", exc_info=error)
logging.getLogger("a.library").info("GET https://example.com/token")
"""


def test_an_error_of_ours_or_of_a_library_is_one_json_line_with_its_type_and_place_and_no_message():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(line["event"], line["level"], line["error"]) for line in lines] == [
        ("it failed %s times", "error", "ValueError"),
        ("we failed", "error", "ValueError"),
    ]
    assert all("<string>:6" in line["frames"][0] for line in lines)
    assert "Ann" not in done.stderr
