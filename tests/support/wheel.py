"""What is the smallest wheel that can be installed?"""

from __future__ import annotations

import zipfile
from pathlib import Path


def wheel(file: Path, value: str, needs: str = "", *, packed: bool = False) -> None:
    """Write a wheel of one module; its name says nothing of its content."""
    file.parent.mkdir(parents=True, exist_ok=True)
    facts = {"vfoo.py": f"VALUE = {value!r}\n",
             "vfoo-1.0.dist-info/METADATA": f"Metadata-Version: 2.1\nName: vfoo\nVersion: 1.0\n{needs}",
             "vfoo-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
             "vfoo-1.0.dist-info/RECORD": ""}  # fmt: skip
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in facts.items():
            form = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
            archive.writestr(zipfile.ZipInfo(name), text, form)  # of one time, so that equal ones are equal
