"""How the running commit is marked: an annotated tag, pushed, and looked up on the remote afterwards."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ..namaskah_host.failure import Failure
from . import history, mirror, remote
from .command import Git, reason
from .names import check_ref, check_repository, is_commit

_PERSON = re.compile(r"[^\w .@+-]")
_WORD = re.compile(r"[^0-9A-Za-z._-]")
_EMAIL = "namaskah-deploy@localhost"  # git wants one; nobody reads mail there


@dataclass(frozen=True)
class Mark:
    """What is marked: a commit of a repository, for which environment, by which run and person, with which facts."""

    repository: str
    commit: str
    environment: str
    run: str
    by: str
    facts: Mapping[str, str]
    resume: bool = False

    def name(self, moment: float) -> str:
        """The tag's name: environment, UTC second and the run's suffix, so that no two are alike."""
        when = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(moment))
        suffix = _WORD.sub("", self.run.rpartition("-")[2])[:16]
        return check_ref(f"{self.environment}-{when}-{suffix or secrets.token_hex(2)}")

    def message(self) -> str:
        """What the tag says: one trailer a fact, so that `git for-each-ref` can read them."""
        lines = [f"{name}: {value}" for name, value in self.facts.items() if value]
        return "\n".join([f"What runs on {self.environment} before run {self.run}", "", *lines, ""])


def make(git: Git, mark: Mark, cache: Path) -> dict[str, str]:
    """Tag the commit, push the tag and check it on the remote. Raises Failure; then no tag of ours is left here."""
    check_repository(mark.repository)
    if not is_commit(mark.commit):
        why, next_step = "a commit has 40 lower-case hexadecimal digits", "give the commit that runs now"
        raise Failure("refused", "There is no commit to tag", repr(mark.commit[:60]), why, next_step)
    person = _PERSON.sub("", mark.by).strip() or "namaskah-deploy"
    git = replace(git, extra={"GIT_COMMITTER_NAME": person, "GIT_COMMITTER_EMAIL": _EMAIL})
    refs = remote.list_refs(git, mark.repository)
    with mirror.opened(git, mark.repository, refs, cache) as copy:
        history.check_is_commit(copy, mark.commit, mark.repository)
        history.check_reachable(copy, mark.commit, mark.repository)
        if made := _made_before(mark, refs):
            return made
        name = _free_name(mark, refs)
        tag = _create(copy, mark, name)
        try:
            _push(copy, mark.repository, name)
            _check(copy, mark, name, tag)
        except Failure:
            copy.local(["update-ref", "-d", f"refs/tags/{name}"])
            raise
    return {"backup_tag": name, "tagged": mark.commit, "object": tag}


def _made_before(mark: Mark, refs: remote.Refs) -> dict[str, str]:
    """What the same run tagged before its controller died: one tag marks what ran before it; nothing where none is."""
    suffix = _WORD.sub("", mark.run.rpartition("-")[2])[:16]
    shape = re.compile(rf"refs/tags/({re.escape(mark.environment)}-\d{{8}}T\d{{6}}Z-{re.escape(suffix)})")
    for ref, found in refs.objects.items():
        match = shape.fullmatch(ref)
        if mark.resume and suffix and match:
            return {"backup_tag": match.group(1), "tagged": refs.target(ref) or "", "object": found}
    return {}


def _free_name(mark: Mark, refs: remote.Refs) -> str:
    """A name that the remote has not; a run that tags twice in a second waits for the next one."""
    while f"refs/tags/{(name := mark.name(time.time()))}" in refs.objects:
        time.sleep(0.1)
    return name


def _create(copy: Git, mark: Mark, name: str) -> str:
    words = ["tag", "--annotate", "--no-sign", "--cleanup=verbatim", "--file=-", "--end-of-options", name, mark.commit]
    made = copy.local(words, stdin=mark.message())
    if made.status != 0:
        next_step = f"remove {copy.directory} (a cache that is made again) and try once more"
        raise Failure("failed", f"The tag {name} cannot be made", copy.directory, reason(made), next_step)
    return copy.read(["rev-parse", "--verify", "--quiet", "--end-of-options", f"refs/tags/{name}"]).strip()


def _push(copy: Git, repository: str, name: str) -> None:
    ref = f"refs/tags/{name}"
    pushed = copy.attempt(["push", "--quiet", "--no-follow-tags", "--end-of-options", repository, f"{ref}:{ref}"])
    if pushed.status != 0:
        next_step = "let the controller's key push tags of that name, or set backup_tag to false"
        raise Failure("refused", f"The remote does not take the tag {name}", repository, reason(pushed), next_step)


def _check(copy: Git, mark: Mark, name: str, tag: str) -> None:
    """Raise Failure when the remote does not have this very tag on this very commit."""
    refs = remote.list_refs(copy, mark.repository)
    ref = f"refs/tags/{name}"
    if refs.objects.get(ref) != tag or refs.target(ref) != mark.commit:
        found = refs.objects.get(ref, "nothing")
        why = f"it was pushed, and the remote has {found} under that name instead of {tag}"
        next_step = "look at the remote's hooks; set backup_tag to false to go on without a tag"
        raise Failure("failed", f"The tag {name} is not on the remote", mark.repository, why, next_step)
