from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

class AnsibleModule:
    params: dict[str, Any]
    check_mode: bool
    no_log: bool
    tmpdir: str
    def __init__(
        self,
        argument_spec: Mapping[str, Mapping[str, Any]],
        *,
        supports_check_mode: bool = ...,
        mutually_exclusive: Sequence[Sequence[str]] | None = ...,
        required_together: Sequence[Sequence[str]] | None = ...,
        required_one_of: Sequence[Sequence[str]] | None = ...,
        required_if: Sequence[Sequence[Any]] | None = ...,
        required_by: Mapping[str, Sequence[str]] | None = ...,
    ) -> None: ...
    def exit_json(self, **kwargs: Any) -> NoReturn: ...
    def fail_json(self, msg: str, **kwargs: Any) -> NoReturn: ...
    def warn(self, warning: str) -> None: ...
    def debug(self, msg: str) -> None: ...
    def log(self, msg: str, log_args: Mapping[str, Any] | None = ...) -> None: ...
    def add_cleanup_file(self, path: str) -> None: ...
    def get_bin_path(self, arg: str, required: bool = ..., opt_dirs: Sequence[str] | None = ...) -> str | None: ...
    def run_command(
        self,
        args: Sequence[str],
        *,
        check_rc: bool = ...,
        data: str | bytes | None = ...,
        cwd: str | None = ...,
        environ_update: Mapping[str, str] | None = ...,
        umask: int | None = ...,
        before_communicate_callback: Callable[[Any], None] | None = ...,
    ) -> tuple[int, str, str]: ...

def env_fallback(*args: str, **kwargs: Any) -> str: ...
