"""Sends a message to the address that the user chose; without one, nothing."""

import json
import os
import urllib.request

from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential


def send(text: str, fields: dict[str, str]) -> bool:
    """Posts `{"text": …}` and the fields to ALERT_WEBHOOK_URL, as Slack's incoming webhooks take it. False without one.

    Raises OSError when the address doesn't answer after three attempts.
    """
    url = os.environ.get("ALERT_WEBHOOK_URL")
    if not url:
        return False
    _post(url, json.dumps({"text": text, **fields}).encode())
    return True


@retry(retry=retry_if_exception_type(OSError), stop=stop_after_attempt(3), wait=wait_exponential(max=10), reraise=True)
def _post(url: str, body: bytes) -> None:
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        answer.read()
