"""The entry point: `uvicorn ledger.main:app`."""

# First of all imports: the metrics library decides when it is imported whether processes share their counts.
import ledger.multiprocess  # noqa: F401  # isort: skip
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from fastapi.staticfiles import StaticFiles

from ledger import VERSION
from ledger.database import connect, reach
from ledger.identity import identity
from ledger.metrics import MeasureRequests
from ledger.notifications import Listeners
from ledger.notifications import router as sockets
from ledger.routes import router as pages

log = logging.getLogger("uvicorn.error")
ROOT = Path(__file__).resolve().parent.parent


@asynccontextmanager
async def lifespan(application: FastAPI) -> AsyncIterator[None]:
    """Serve only with a database that answers."""
    engine = connect()
    await run_in_threadpool(reach, engine)
    application.state.engine = engine
    application.state.listeners = Listeners()
    log.info("serving %(version)s, release %(release)s, instance %(instance)s, pid %(pid)s", identity())
    yield
    engine.dispose()


app = FastAPI(title="Ledger", version=VERSION, lifespan=lifespan)
app.add_middleware(MeasureRequests)
app.include_router(pages)
app.include_router(sockets)
app.mount("/static", StaticFiles(directory=ROOT / "static"), name="static")
