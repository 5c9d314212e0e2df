"""Which profiles.yml dbt uses: a project of the user's own may have one that names the stack's target, or none at all."""

from pathlib import Path
from typing import Any

import yaml

from stack_pipeline.errors import UserError
from stack_pipeline.settings import REPOSITORY, Settings

_STACKS = REPOSITORY / "transformation"
FILE = "profiles.yml"


def profiles_file(settings: Settings) -> Path:
    """The profiles.yml in force; for another project than the stack's it is written to `<dbt's artefacts>/profiles`.

    A project's own is taken when it has the stack's target (DBT_TARGET) in the profile that dbt_project.yml names. Else the
    stack's targets get that name: the project then builds into the stack's warehouse without being edited.

    Raises UserError when there is no dbt project.
    """
    if settings.dbt_project == _STACKS.resolve() and (settings.dbt_profiles / FILE).exists():
        return settings.dbt_profiles / FILE
    name = _profile_name(settings.dbt_project)
    own = settings.dbt_project / FILE
    content = own.read_text() if own.exists() and _has_target(own, name, settings.dbt_target_name) else _renamed(name)
    file = settings.dbt_target / "profiles" / FILE
    if not file.exists() or file.read_text() != content:
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.with_suffix(".tmp")
        temporary.write_text(content)
        temporary.replace(file)
    return file


def _profile_name(project: Path) -> str:
    file = project / "dbt_project.yml"
    if not file.exists():
        raise UserError(
            f"{project} is no dbt project: it has no dbt_project.yml.",
            "Set DBT_PROJECT to the folder with dbt_project.yml, or leave it away for the stack's own project.",
        )
    content = _read(file)
    name = content.get("profile") or content.get("name")
    if not isinstance(name, str):
        raise UserError(f"{file} names no profile.", "Give it a line like `profile: shop`.")
    return name


def _has_target(file: Path, name: str, target: str) -> bool:
    profile = _read(file).get(name)
    outputs = profile.get("outputs") if isinstance(profile, dict) else None
    return isinstance(outputs, dict) and target in outputs


def _renamed(name: str) -> str:
    """The stack's profile under another name."""
    stacks = next(iter(_read(_STACKS / FILE).values()))
    return yaml.safe_dump({name: stacks}, sort_keys=False)


def _read(file: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(file.read_text())
    except yaml.YAMLError as error:
        raise UserError(f"{file} isn't YAML: {error}.", "Correct it.") from error
    return content if isinstance(content, dict) else {}
