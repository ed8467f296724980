"""Where do several server processes of one instance put their counts, so that a scrape sees their sum?

Import this before prometheus_client: it reads PROMETHEUS_MULTIPROC_DIR when it is imported
(prometheus_client documentation, "Multiprocess Mode").
"""

import logging
import os
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def share_counts() -> None:
    """Keep the counts beside the instance's socket, unless the environment names a folder."""
    socket = os.environ.get("NAMASKAH_SOCKET")
    folder = os.environ.get(VARIABLE) or (str(Path(socket).parent / "metrics") if socket else "")
    if not folder:
        return
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        os.environ.pop(VARIABLE, None)
        logging.getLogger(__name__).warning("metrics are per process only: cannot create %s: %s", folder, error)
    else:
        os.environ[VARIABLE] = folder


share_counts()
