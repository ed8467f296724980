"""Which address leads where?"""

import asyncio
import logging
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, Field, StrictInt
from sqlalchemy.exc import SQLAlchemyError

from ledger.access import caller
from ledger.database import reach
from ledger.identity import identity
from ledger.metrics import PAYMENTS, read
from ledger.payments import KeyConflictError, Order, execute, executed

PAGES = Path(__file__).resolve().parent.parent / "pages"
# Longer than the stop time-outs that process managers come with, short enough that nobody can pile requests up.
LONGEST_SECONDS = 30

log = logging.getLogger("uvicorn.error")
router = APIRouter()


class PaymentRequest(BaseModel):
    """What a payment needs, in minor units."""

    amount: Annotated[StrictInt, Field(ge=1, le=10**12)]
    idempotency_key: Annotated[str, Field(min_length=1, max_length=100)]


@router.get("/")
def index() -> FileResponse:
    """Send the page."""
    return FileResponse(PAGES / "index.html", media_type="text/html")


@router.post("/api/payments", dependencies=[Depends(caller)])
async def pay(wanted: PaymentRequest, request: Request) -> JSONResponse:
    """Execute a payment: 201 the first time, 200 with the same body when it is repeated."""
    state = request.app.state
    try:
        described, repeated = await run_in_threadpool(
            execute, state.engine, Order(wanted.idempotency_key, wanted.amount)
        )
    except KeyConflictError as error:
        PAYMENTS.labels("conflict").inc()
        raise HTTPException(409, str(error)) from error
    PAYMENTS.labels("repeated" if repeated else "executed").inc()
    if not repeated:
        await state.listeners.tell({"type": "payment", "payment": described})
    headers = {"Idempotent-Replayed": str(repeated).lower()}
    return JSONResponse(described, status_code=200 if repeated else 201, headers=headers)


@router.get("/api/ledger", dependencies=[Depends(caller)])
def ledger(request: Request, after: Annotated[int, Query(ge=0)] = 0) -> dict[str, object]:
    """List executed keys in order."""
    return executed(request.app.state.engine, after)


@router.get("/api/slow")
async def slow(seconds: Annotated[float, Query(ge=0, le=LONGEST_SECONDS)] = 1) -> dict[str, Any]:
    """Answer late, for whoever wants to know what happens to requests during a release."""
    await asyncio.sleep(seconds)
    return {"slept": seconds, **identity()}


@router.get("/healthz")
def healthz(request: Request) -> JSONResponse:
    """Answer 200 with the identity, or 503 while the database does not answer."""
    answer = {"status": "ok", "application": "ledger", "database": "postgresql", **identity()}
    try:
        reach(request.app.state.engine)
    except SQLAlchemyError as error:
        log.warning("health: the database does not answer: %s", error)
        return JSONResponse({**answer, "status": "unavailable", "error": "database"}, status_code=503)
    return JSONResponse(answer, headers={"Cache-Control": "no-store"})


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """Answer a scrape."""
    return Response(read(request.app.state.engine), headers={"Content-Type": CONTENT_TYPE_LATEST})
