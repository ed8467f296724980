from typing import Any, Self

class Origin:
    path: str | None
    @classmethod
    def get_tag(cls, value: Any) -> Self | None: ...

class VaultedValue:
    @classmethod
    def is_tagged_on(cls, value: Any) -> bool: ...
