"""How are static files served when no front proxy does it?"""

from collections.abc import Awaitable, Callable

from asgiref.sync import markcoroutinefunction, sync_to_async
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile

Handler = Callable[[HttpRequest], Awaitable[HttpResponseBase]]


class StaticFiles(WhiteNoiseMiddleware):
    """WhiteNoise without its threads.

    It is synchronous: every request, also one for a page, would hold a thread until its answer. A server that ends
    its event loop meanwhile (daphne on SIGTERM) leaves such a thread waiting for ever, and the process with it.
    """

    async_capable = True
    sync_capable = False

    def __init__(self, get_response: Handler) -> None:
        super().__init__(get_response)
        markcoroutinefunction(self)

    async def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer with the file when the address names one, else pass the request on."""
        if self.autorefresh:
            static_file = await sync_to_async(self.find_file)(request.path_info)
        else:
            static_file = self.files.get(request.path_info)
        if static_file is None:
            return await self.get_response(request)
        return await sync_to_async(serve)(static_file, request)


def serve(static_file: StaticFile, request: HttpRequest) -> HttpResponse:
    """Return the file in one piece: WhiteNoise's own iterator is synchronous, too, and our files are small."""
    streamed = WhiteNoiseMiddleware.serve(static_file, request)
    response = HttpResponse(b"".join(streamed.streaming_content), status=streamed.status_code)
    response.headers = streamed.headers
    streamed.close()
    return response
