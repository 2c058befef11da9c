"""What the gateway says of options, to a person: on its page and in its messages."""

import asyncio
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from schemas.records import (
    Alert,
    Decision,
    Fill,
    Leg,
    LegFill,
    OrderIntent,
    OrderKind,
    OrderStatus,
    Settlement,
    SettlementKind,
    Side,
    Transfer,
    Verdict,
)
from tests.gateway_rig import CHROMIUM, QUIET, Writer, gateway_on, gateway_process, get, until
from tests.orderpath_rig import at, fill, intent

pytestmark = pytest.mark.broker
CALL, HIGHER, PUT = "GOOG  151224C00750000", "GOOG  151224C00755000", "GOOG  151224P00755000"
ORDER = "0d12f2f90c38ecbb"


def spread() -> OrderIntent:
    """Return an order for four verticals at 6.00 a share."""
    legs = (Leg(CALL, Side.BUY, 1, 100), Leg(HIGHER, Side.SELL, 1, 100))
    return intent("s", Side.BUY, 4, symbol="GOOG", kind=OrderKind.LIMIT, limit_cents=60_000, legs=legs)


def written() -> list[tuple[str, Verdict | Fill | Settlement | Alert]]:
    """Return what happens to an account with options, by topic."""
    put = intent("p", Side.SELL, 2, symbol=PUT, multiplier=100)
    legs = (LegFill(CALL, Side.BUY, 4, 900, 100), LegFill(HIGHER, Side.SELL, 4, 310, 100))
    cash = (Transfer(PUT, 2, 0, 100), Transfer("GOOG", 200, 15_100_000, 1))
    asked = f"order {ORDER} to buy 3 of {CALL} (momentum_breakout, ENTRY) waits for a person; risk would approve it"
    return [
        ("verdicts", Verdict(spread(), at(1), Decision.CUT, 2, "net", ("net: too much",), 0, 0.0)),
        ("verdicts", fill("s", Side.BUY, 4, 59_000, symbol="GOOG", legs=legs, fee_cents=520)),
        ("verdicts", Verdict(put, at(2), Decision.APPROVE, 2, "", (), 0, 0.0)),
        ("verdicts", fill("p", Side.SELL, 2, 359, symbol=PUT, multiplier=100, fee_cents=130, event_ns=at(2))),
        ("verdicts", fill("w", quantity=0, remaining=5, symbol=CALL, status=OrderStatus.ACKNOWLEDGED, event_ns=at(3))),
        (
            "verdicts",
            Settlement(
                "x", "paper", PUT, at(4), SettlementKind.ASSIGNMENT, -2, 75_500, cash, True, 0, 0,
                f"2 {PUT} assigned: +200 GOOG at 755.00",
            ),
        ),
        ("risk", Alert("paper", at(5), "ask", asked, 3.0, 3.0)),
    ]  # fmt: skip


def test_messages_say_in_words_what_they_are(broker: Mapping[str, str], topics: Callable[..., str]) -> None:
    """Over HTTP, as over the stream: one sentence beside the record; settlements are served."""
    world = topics()
    writer = Writer(broker, world)
    for topic, record in written():
        writer.send(topic, record, "paper")
    writer.flush()

    async def scenario() -> dict[str, list[str]]:
        async with gateway_on(broker, world) as gateway:
            await until(lambda: gateway._ready)
            status, body = await get(gateway, "v1/latest?topic=verdicts&topic=risk")
            assert status == 200
            out: dict[str, list[str]] = {}
            for message in reversed(json.loads(body)["messages"]):
                out.setdefault(message["type"], []).append(message["text"])
            return out

    found = asyncio.run(scenario())
    assert found["Verdict"][0].startswith(
        "cut to 2 of 4 by net: 4 x (buy 1 GOOG 2015-12-24 C 750 / sell 1 GOOG 2015-12-24 C 755),"
        " limit net 600.00 USD each"
    )
    assert found["Fill"][1] == "sold 2 GOOG 2015-12-24 P 755 at 3.59 a share: 718.00 USD received, fee 1.30"
    assert found["Settlement"] == ["2 GOOG 2015-12-24 P 755 assigned: +200 GOOG at 755.00"]
    assert found["Alert"][0].endswith(f"Answer: aiots order approve paper {ORDER}, or aiots order refuse paper {ORDER}")


def test_the_page_shows_orders_of_options(broker: Mapping[str, str], topics: Callable[..., str]) -> None:
    """In a real browser: legs and money, the end of a contract, what asks and how to answer; the filter by ticker."""
    if not Path(CHROMIUM).exists():
        pytest.skip(f"no {CHROMIUM}: apt-get install chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    world = topics()
    writer = Writer(broker, world)
    for topic, record in written():
        writer.send(topic, record, "paper")
    writer.flush()
    with gateway_process(broker, world) as (_, url), playwright.sync_playwright() as run:
        browser = run.chromium.launch(executable_path=CHROMIUM, headless=True, args=QUIET.split())
        try:
            page = browser.new_page(viewport={"width": 1400, "height": 820})
            troubles: list[str] = []
            page.on("pageerror", lambda error: troubles.append(str(error)))
            page.goto(url)
            page.click("#tab-orders")
            rows = page.locator("#rows-orders tr")
            playwright.expect(rows).to_have_count(7)
            for text in (
                "bought 4 GOOG 2015-12-24 C 750 at 9.00 / sold 4 GOOG 2015-12-24 C 755 at 3.10: 2,360.00 USD paid",
                "ASSIGNMENT",
                "ACKNOWLEDGED",
                "718.00 USD received",
                f"aiots order approve paper {ORDER}",
            ):
                playwright.expect(page.locator("#rows-orders")).to_contain_text(text)
            assert "undefined" not in page.locator("#rows-orders").inner_text()
            assert "NaN" not in page.locator("#rows-orders").inner_text()
            page.fill("#symbol", "goog")
            playwright.expect(rows).to_have_count(7)
            page.fill("#symbol", "spy")
            playwright.expect(rows).to_have_count(1)  # an alert is of no symbol
            assert troubles == []
        finally:
            browser.close()
