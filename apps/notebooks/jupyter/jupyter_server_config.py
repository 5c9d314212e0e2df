"""JupyterLab as a unit of the stack; what differs between runtimes is in the environment."""

import os
import shutil
from pathlib import Path

c = get_config()  # noqa: F821 -- Jupyter's

folder = Path(os.environ["NOTEBOOKS_DIR"])
worked = Path(__file__).parent.parent / "worked"
first = "delays.ipynb"

# The notebooks are their user's: what is there is never written over.
folder.mkdir(parents=True, exist_ok=True)
for source in worked.glob("*.ipynb"):
    if not (folder / source.name).exists():
        shutil.copyfile(source, folder / source.name)

c.ServerApp.root_dir = str(folder)
c.ServerApp.preferred_dir = str(folder)
c.ServerApp.ip = os.environ["HOST"]
c.ServerApp.port = int(os.environ["PORT"])
c.ServerApp.port_retries = 0
c.ServerApp.open_browser = False
# Who deploys as root runs everything so.
c.ServerApp.allow_root = True
c.ServerApp.quit_button = False
c.LabApp.default_url = f"/lab/tree/{first}"

# The token is the only way in: no passwords, none that a page could set.
c.IdentityProvider.token = os.environ["JUPYTER_TOKEN"]
c.PasswordIdentityProvider.allow_password_change = False
stack = os.environ["STACK_NAME"]
make = "make" if stack == "local" else f"make STACK={stack}"
c.ServerApp.extra_template_paths = [str(Path(__file__).parent / "templates")]
c.ServerApp.jinja_template_vars = {"token_command": f"{make} -s secret s=notebooks k=token"}
c.IdentityProvider.cookie_options = {"samesite": "Lax"}

# A page of another name that leads here is refused (DNS rebinding), whatever address the server listens on.
own = ["localhost", "127.0.0.1", "::1", "notebooks.localhost"]
c.ServerApp.allow_remote_access = False
c.ServerApp.local_hostnames = own + [name for name in os.environ.get("ALLOWED_HOSTS", "").split(",") if name]

# Nothing is asked of the internet: no news, no looking for updates, no extensions from PyPI.
c.LabApp.news_url = None
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
c.LabApp.extension_manager = "readonly"
c.LanguageServerManager.autodetect = False

# What a kernel and its server say to each other passes a port that every user of this machine may listen at.
c.KernelManager.transport_encryption = "auto"
