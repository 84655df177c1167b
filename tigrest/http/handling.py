"""Running handlers' methods for requests; see :mod:`tigrest.scripting.execution`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from starlette.types import Scope, Send

from tigrest.concurrency.caller import caller_of
from tigrest.concurrency.tasks import TaskSet
from tigrest.errors import BodyTimeout, TigrestError
from tigrest.observability.context import current_request
from tigrest.scripting.callback import Callback
from tigrest.scripting.execution import Execution, Run
from tigrest.scripting.routes import Endpoint, Route
from tigrest.scripting.signature import Call
from tigrest.service import reply_failed

AnswerInstead = Callable[[Scope, Send, str, TigrestError, float], Coroutine[Any, Any, None]]
"""Answers a request whose handler does not: its scope and ``send`` (ASGI), the URI of its route, why, and seconds since it began."""


class RequestRun(Run):
    """The method of a handler that answers a request."""

    part: Route
    callback: Callback | None = None
    left_means = "the request is answered without it"

    def __init__(self, handling: Handling, route: Route, endpoint: Endpoint, call: Call, scope: Scope, send: Send, seconds: float) -> None:
        self.part, self.invocation, self.call, self.seconds = route, endpoint.invocation, call, seconds
        self.handling, self.scope, self.send = handling, scope, send

    async def complete(self, result: Any) -> Any:
        """Return the result, or wait for it where the method leaves it to the callback."""
        callback = self.callback
        if callback is None:
            return result
        if result is None and (callback.called or self.part.is_async):
            return await callback.wait()
        cure = "" if self.part.is_async else ": with isAsync = True the request waits for it"
        callback.close(f"after the method had ended{cure}" if result is None else "although the method had returned a result")
        return result

    def give_up(self) -> None:
        """Note that a result comes too late from now on."""
        if self.callback is not None:
            self.callback.close(f"after {self.seconds:g} s, when the request had been answered with 504")

    def error(self) -> TigrestError:
        """Return what to answer: a body that did not arrive is not the handler's fault."""
        caller = caller_of(self.scope)
        if caller is not None and caller.waits_for_body:
            return BodyTimeout(self.seconds)
        return super().error()

    def leave(self) -> None:
        """Leave the answer to another task."""
        caller = caller_of(self.scope)
        if caller is not None:
            caller.detach()
        self.handling.answer(self)


class Handling:
    """Runs handlers' methods for requests.

    Args:
        execution: runs methods.
        request_timeout: seconds a request may take where its handler does not say.
        answer: answers requests whose handlers go on although they were cancelled.
    """

    def __init__(self, execution: Execution, request_timeout: float, answer: AnswerInstead) -> None:
        self._execution = execution
        self._request_timeout = request_timeout
        self._answer = answer
        self._answering = TaskSet()

    def run(self, route: Route, endpoint: Endpoint, call: Call, scope: Scope, send: Send) -> Coroutine[Any, Any, Any]:
        """Run a method and return its result; see :meth:`tigrest.scripting.execution.Execution.run`.

        Args:
            route: the handler.
            endpoint: its method.
            call: the arguments.
            scope: of the request (ASGI).
            send: of the request (ASGI); used when the method goes on although it was cancelled.
        """
        run = RequestRun(self, route, endpoint, call, scope, send, route.timeout or self._request_timeout)
        if "callback" in endpoint.invocation.names:
            run.callback = call.callback = Callback(asyncio.get_running_loop(), endpoint.invocation.method, current_request.get())
            run.completes = True
            reply_failed.set(run.callback.fail)
        return self._execution.run(run)

    def answer(self, run: RequestRun) -> None:
        """Answer the request of a method that goes on although it was cancelled, in a task of its own."""
        seconds = run.seconds + self._execution.limits.notice
        self._answering.start(self._answer(run.scope, run.send, run.part.uri, run.error(), seconds))
