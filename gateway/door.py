"""The listening port: WebSocket by picows, which on the same port sends the HTTP answers in place of an upgrade."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus

import picows
from picows import (
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
)

from gateway.client import Client
from gateway.hub import Hub
from gateway.rest import SAFE, Answer, Rest, foreign_caller, problem

STREAM = "/v1/stream"


class PicowsWire:
    """A picows connection as a client sees it."""

    def __init__(self, transport: WSTransport) -> None:
        self._transport = transport
        self._socket: asyncio.Transport = transport.underlying_transport
        # Frames are made once for all clients, so they are written below picows' own framing.
        self.write: Callable[[bytes], None] = self._socket.write
        self.buffered: Callable[[], int] = self._socket.get_write_buffer_size

    def close(self, code: int, reason: str) -> None:
        if not self._transport.is_close_frame_sent and not self._transport.is_disconnected:
            self._transport.send_close(picows.WSCloseCode(code), reason.encode()[:120])

    def abort(self) -> None:
        self._socket.abort()


class Session(WSListener):
    """The listener of one connection: passes messages to its client."""

    def __init__(self, hub: Hub) -> None:
        super().__init__()
        self._hub = hub
        self._client: Client | None = None
        self._parts = b""

    def on_ws_connected(self, transport: WSTransport) -> None:
        transport.underlying_transport.set_write_buffer_limits(high=self._hub.settings.write_buffer_bytes)
        self._client = self._hub.connect(PicowsWire(transport))

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        assert self._client is not None
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()
        elif frame.msg_type == WSMsgType.BINARY:
            self._client.refuse("bad_json", "expected a text message, was a binary one")
        elif frame.msg_type in (WSMsgType.TEXT, WSMsgType.CONTINUATION):
            self._parts += frame.get_payload_as_bytes()
            if len(self._parts) > self._hub.settings.client_message_bytes_max:
                transport.send_close(picows.WSCloseCode.MESSAGE_TOO_BIG, b"message too big")
                transport.disconnect()
            elif frame.fin:
                text, self._parts = self._parts, b""
                self._client.receive(text)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if self._client is not None:
            self._client.gone()

    def pause_writing(self) -> None:
        if self._client is not None:
            self._client.pause()

    def resume_writing(self) -> None:
        if self._client is not None:
            self._client.resume()


class Door:
    """Route requests: the stream to a session, all else to the HTTP answers."""

    def __init__(self, hub: Hub, rest: Rest, is_ready: Callable[[], bool]) -> None:
        self._hub = hub
        self._rest = rest
        self._is_ready = is_ready

    async def open(self) -> asyncio.Server:
        """Listen; OSError where the port is taken."""
        settings = self._hub.settings
        server: asyncio.Server = await picows.ws_create_server(
            self._route,
            settings.address,
            settings.port,
            enable_auto_ping=True,
            auto_ping_idle_timeout=settings.ping_idle_s,
            auto_ping_reply_timeout=settings.ping_reply_s,
            max_frame_size=settings.client_message_bytes_max,
            websocket_handshake_timeout=10,
            use_aiofastnet=False,
        )
        return server

    def _route(self, request: WSUpgradeRequest) -> WSListener | WSUpgradeResponseWithListener:
        headers, target = request.headers, request.path.decode(errors="replace")
        wrong = foreign_caller(headers.get("Host"), headers.get("Origin"), self._hub.settings.origins)
        if wrong is not None:
            return self._refuse(HTTPStatus.FORBIDDEN, wrong)
        if target.partition("?")[0] != STREAM:
            return _response(self._rest.answer(target))
        if "upgrade" not in headers:
            return self._refuse(
                HTTPStatus.UPGRADE_REQUIRED, f"{STREAM} speaks WebSocket: ws://{headers.get('Host')}{STREAM}"
            )
        if not self._is_ready():
            return self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "starting: not at the end of the topics yet; try again")
        if len(self._hub.clients) >= self._hub.settings.clients_max:
            return self._refuse(
                HTTPStatus.SERVICE_UNAVAILABLE, f"full: {self._hub.settings.clients_max} clients; try again later"
            )
        if "upgrade" in headers.get("Connection", "").lower():
            # picows knows `Upgrade` alone; Firefox says `keep-alive, Upgrade`.
            headers["Connection"] = "Upgrade"
        return Session(self._hub)

    def _refuse(self, status: HTTPStatus, detail: str) -> WSUpgradeResponseWithListener:
        self._hub.metrics.turned_away.labels(status.phrase.lower().replace(" ", "_")).inc()
        return _response(problem(status, detail))


def _response(answer: Answer) -> WSUpgradeResponseWithListener:
    headers = {"Content-Type": answer.content_type} | SAFE | answer.headers
    if answer.status == HTTPStatus.OK:
        response = WSUpgradeResponse.create_ok_response(answer.body, headers)
    else:
        response = WSUpgradeResponse.create_error_response(answer.status, answer.body, headers)
    return WSUpgradeResponseWithListener(response, None)
