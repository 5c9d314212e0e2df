"""`python -m stack_explorer.server`: the page behind its gate, on HOST and PORT."""

import os
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from stack_explorer.gate import Gate


def main() -> None:
    stack = os.environ["STACK_NAME"]
    gate = Middleware(
        Gate,
        token=os.environ["EXPLORER_TOKEN"],
        command=f"{'make' if stack == 'local' else f'make STACK={stack}'} -s secret s=explorer k=token",
    )
    app = st.App(Path(__file__).with_name("page.py"), middleware=[gate])
    app.run(
        config={
            "server.address": os.environ["HOST"],
            "server.port": int(os.environ["PORT"]),
            "server.headless": True,
            "server.fileWatcherType": "none",
            "server.maxUploadSize": 1,
            "browser.gatherUsageStats": False,
            # Before it says where it is it would ask a server on the internet for this machine's address.
            "logger.hideWelcomeMessage": True,
            # Of the rows that are shown only: the page's own buttons give all.
            "client.disableDataExport": True,
            "client.toolbarMode": "minimal",
            "client.showErrorDetails": "type",
            "client.showErrorLinks": False,
        }
    )


if __name__ == "__main__":
    main()
