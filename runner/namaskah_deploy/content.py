"""Where do the playbooks and roles live? Inside the installed package, or in the checkout around it."""

from dataclasses import dataclass
from pathlib import Path

from namaskah_deploy.errors import Refused

_PACKAGE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Content:
    """The folder that holds `playbooks/`, `roles/` and `ansible.cfg`."""

    root: Path

    @property
    def configuration(self) -> Path:
        """The ansible.cfg that every run uses; its relative paths resolve beside it."""
        return self.root / "ansible.cfg"

    def playbook(self, name: str) -> Path:
        """Return the path of the playbook `name` (without .yml); raises Refused when this version has none."""
        path = self.root / "playbooks" / f"{name}.yml"
        if not path.is_file():
            raise Refused(
                f"the playbook {name}.yml is missing", f"looked in {path.parent}", next_step="reinstall the tool"
            )
        return path


def find(package: Path = _PACKAGE) -> Content:
    """Return the content of the installed wheel, else of the checkout that `package` stands in."""
    installed = package / "content"
    checkout = package.parent.parent
    for root in (installed, checkout):
        if (root / "playbooks").is_dir() and (root / "roles").is_dir():
            return Content(root)
    raise Refused(
        "no playbooks were found",
        f"neither {installed} nor {checkout} has playbooks/ and roles/",
        next_step="reinstall the tool",
    )
