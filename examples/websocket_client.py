"""Print signals from the gateway as they come, and go on after a cut without missing or repeating one.

    python examples/websocket_client.py --url http://127.0.0.1:8087 --symbol SPY

Every message carries a cursor. Keep the newest, and give it back when you connect again.
"""

import argparse
import asyncio
import json
from contextlib import suppress

import aiohttp


async def follow(url: str, symbols: list[str], count: int) -> None:
    """Print `count` signals (0: for good)."""
    cursor, shown, wait_s = None, 0, 0.5
    async with aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.ws_connect(f"{url}/v1/stream") as socket:
                    subscribe = {"subscribe": {"topics": ["signals"], "symbols": symbols}}
                    await socket.send_json(subscribe if cursor is None else subscribe | {"cursor": cursor})
                    async for frame in socket:
                        message = json.loads(frame.data)
                        cursor, wait_s = message.get("cursor", cursor), 0.5
                        if "record" in message:
                            signal = message["record"]
                            print(signal["symbol"], signal["direction"], signal["strategy"], signal["id"], flush=True)
                            shown += 1
                            if shown == count:
                                return
                        elif "subscribed" in message:
                            print("subscribed", flush=True)
                        elif "gap" in message:
                            print("lost to retention:", message["gap"], flush=True)
                        elif "error" in message:
                            raise SystemExit(message["error"])
            except aiohttp.ClientError as error:
                print(f"cut off: {error}", flush=True)
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, 10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8087")
    parser.add_argument("--symbol", action="append", default=[], help="may be given several times; default all")
    parser.add_argument("--count", type=int, default=0, help="stop after so many signals")
    options = parser.parse_args()
    with suppress(KeyboardInterrupt):
        asyncio.run(follow(options.url.rstrip("/"), options.symbol, options.count))


if __name__ == "__main__":
    main()
