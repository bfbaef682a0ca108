"""What is between the generated REST client and the network: errors as exceptions, repetition where it is
safe.

The generated functions only ever see answers that are successes.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

import httpx

from signaling_client._answers import error_of_answer
from signaling_client.errors import ConnectionFailed, SignalingError
from signaling_client.retry import RetryPolicy, is_passing

_REPEATABLE: Final = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
"""Methods that may be repeated when the answer is lost (RFC 9110, 9.2.2)."""


class SyncTransport(httpx.BaseTransport):
    """Raises SignalingError for whatever is no 2xx answer, after the repetitions that the policy allows."""

    def __init__(self, inner: httpx.BaseTransport, policy: RetryPolicy) -> None:
        self._inner = inner
        self._policy = policy

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        failures = 0
        while True:
            try:
                response = self._inner.handle_request(request)
                response.read()
            except httpx.RequestError as cause:
                error = _failure(request, cause)
            else:
                if response.is_success:
                    return response
                error = error_of_answer(response.status_code, response.headers, response.content)
            failures += 1
            wait = _wait(self._policy, request, failures, error)
            if wait is None:
                raise error
            time.sleep(wait)

    def close(self) -> None:
        self._inner.close()


class AsyncTransport(httpx.AsyncBaseTransport):
    """As SyncTransport, for asyncio."""

    def __init__(self, inner: httpx.AsyncBaseTransport, policy: RetryPolicy) -> None:
        self._inner = inner
        self._policy = policy

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        failures = 0
        while True:
            try:
                response = await self._inner.handle_async_request(request)
                await response.aread()
            except httpx.RequestError as cause:
                error = _failure(request, cause)
            else:
                if response.is_success:
                    return response
                error = error_of_answer(response.status_code, response.headers, response.content)
            failures += 1
            wait = _wait(self._policy, request, failures, error)
            if wait is None:
                raise error
            await asyncio.sleep(wait)

    async def aclose(self) -> None:
        await self._inner.aclose()


def _wait(policy: RetryPolicy, request: httpx.Request, failures: int, error: SignalingError) -> float | None:
    repeatable = request.method in _REPEATABLE or "Idempotency-Key" in request.headers
    return policy.wait(failures, error.retry_after) if repeatable and is_passing(error) else None


def _failure(request: httpx.Request, cause: httpx.RequestError) -> SignalingError:
    what = str(cause) or type(cause).__name__
    error = ConnectionFailed(f"{request.method} {request.url.path}: {what}")
    error.__cause__ = cause
    return error
