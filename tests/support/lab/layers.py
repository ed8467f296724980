"""What a host can have on top of its base: small trees, built once, that a host's disk is laid over."""

import shutil
from collections.abc import Callable
from pathlib import Path

from tests.support.lab.capabilities import install_missing
from tests.support.lab.command import run
from tests.support.lab.errors import LabError
from tests.support.lab.locks import exclusive
from tests.support.lab.paths import cache_dir

PM2_VERSION = "7.0.4"
_INSTALL_SECONDS = 300


def layer_tree(name: str) -> Path:
    """The ready tree of layer `name`, built now if the cache has none; raises LabError for an unknown one."""
    if name not in _LAYERS:
        raise LabError(f"unknown layer {name!r}; the lab knows {', '.join(_LAYERS)}")
    version, build = _LAYERS[name]
    tree = cache_dir() / f"layer-{name}-{version}"
    with exclusive(cache_dir() / f"layer-{name}.lock"):
        if not tree.is_dir():
            unfinished = tree.with_name(f"{tree.name}.partial")
            shutil.rmtree(unfinished, ignore_errors=True)
            build(unfinished)
            unfinished.rename(tree)
    return tree


def _install_pm2(tree: Path) -> None:
    """The process manager pm2 from npm: JavaScript alone, run by the base's node."""
    install_missing({"npm": "npm"})
    prefix = tree / "usr/local"
    prefix.mkdir(parents=True)
    package = f"pm2@{PM2_VERSION}"
    options: list[str | Path] = [
        "--global",
        "--prefix",
        prefix,
        "--ignore-scripts",
        "--omit=optional",
        "--no-audit",
        "--no-fund",
    ]
    run(["npm", "install", *options, package], timeout=_INSTALL_SECONDS)
    for folder in (tree, *tree.rglob("*")):
        if folder.is_dir():
            folder.chmod(0o755)


_LAYERS: dict[str, tuple[str, Callable[[Path], None]]] = {"pm2": (PM2_VERSION, _install_pm2)}
