from typing import Any

class LookupBase:
    def run(self, terms: list[Any], variables: Any = None, **kwargs: Any) -> list[Any]: ...
