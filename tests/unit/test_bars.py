"""The rules by which ticks become bars: cleaning, closing, sessions, source bars, several sources."""

import dataclasses
import math
from collections.abc import Sequence

import pytest

from schemas.records import FeatureFrame, MarketEventKind
from schemas.wire import decode, encode
from streams.bars.analytics import Analytics, Params, make
from streams.stage import Fold
from tests.analytics_ticks import (
    ASK,
    BID,
    CLOSE,
    OPEN,
    SECOND,
    Tick,
    bars,
    event,
    features,
    frame,
    heartbeat,
    rows_of,
    session,
)

KIND = MarketEventKind


def fold(**changes: object) -> Fold:
    return make(dataclasses.replace(Params(), **changes), 0, 1)  # type: ignore[arg-type]


def row_at(frames: Sequence[FeatureFrame], seconds: float) -> dict[str, float]:
    """Return the row of the bar that ends this many seconds after OPEN."""
    return rows_of(frames)[OPEN + round(seconds * SECOND)]


def closed(ticks: Sequence[Tick], seconds: int = 1, until: float = 600.0, **changes: object) -> list[FeatureFrame]:
    """Return the frames of an interval for ticks, closed by a heartbeat."""
    return features(fold(**changes).apply([frame(ticks), heartbeat(until)]), seconds)


def test_bar_has_first_highest_lowest_and_last_trade() -> None:
    """Open, high, low, close, volume, trades and VWAP are of the bar's trades; a tick at its end is the next's."""
    ticks = [Tick(0.0, 10.0, 1), Tick(0.2, 12.0, 2), Tick(0.4, 9.0, 3), Tick(0.999, 11.0, 4), Tick(1.0, 50.0, 5)]
    row = row_at(closed(ticks), 1)
    assert [row[key] for key in ("open", "high", "low", "close", "volume", "trades")] == [10, 12, 9, 11, 10, 4]
    assert row["vwap"] == pytest.approx((10 + 24 + 27 + 44) / 10, rel=1e-15)
    assert row_at(closed(ticks), 2)["open"] == 50.0


def test_coarser_bars_are_made_of_finer_ones() -> None:
    """A minute and five minutes hold all trades of their seconds."""
    ticks = [Tick(i * 0.7, 100.0 + (i * 37) % 11, i) for i in range(400)]
    minute = [tick for tick in ticks if 60 <= tick.at < 120]
    row = row_at(closed(ticks, 60), 120)
    assert row["open"] == minute[0].price
    assert row["close"] == minute[-1].price
    assert row["high"] == max(tick.price for tick in minute)
    assert row["low"] == min(tick.price for tick in minute)
    assert row["volume"] == sum(tick.size for tick in minute)
    assert row_at(closed(ticks, 300), 300)["volume"] == sum(tick.size for tick in ticks if tick.at < 300)


def test_frames_of_one_instant_come_finest_first() -> None:
    """At a full five minutes the second comes first, then the minute, then the five minutes."""
    out = features(fold().apply([frame([Tick(299.5, 10.0), Tick(300.0, 11.0)])]))
    assert [found.interval_ns // SECOND for found in out] == [1, 60, 300]
    assert out[0].names == ()
    assert "ema_26" in out[1].names
    assert out[1].names == out[2].names


def test_volume_only_trades_set_no_price() -> None:
    """A trade with flag 4 counts in volume, trades and VWAP; open, high, low and close are the others'."""
    row = row_at(closed([Tick(0.0, 99.0, 7, flags=4), Tick(0.1, 10.0, 1), Tick(0.2, 1.0, 2, flags=4)]), 1)
    assert [row[key] for key in ("open", "high", "low", "close", "volume", "trades")] == [10, 10, 10, 10, 10, 3]


@pytest.mark.parametrize(
    ("bad", "counter"),
    [
        (Tick(0.5, 11.0, flags=1), "suspicious"),
        (Tick(0.5, math.nan), "bad_ticks"),
        (Tick(0.5, math.inf), "bad_ticks"),
        (Tick(0.5, 0.0), "bad_ticks"),
        (Tick(0.5, -1.0), "bad_ticks"),
        (Tick(0.5, 11.0, -5), "bad_ticks"),
        (Tick(0.5, -1.0, kind=BID), "bad_ticks"),
        (Tick(0.5, math.nan, kind=ASK), "bad_ticks"),
        (Tick(0.5, 9.0, kind=BID, flags=1), "suspicious"),
    ],
)
def test_a_bad_tick_is_left_out_and_counted(bad: Tick, counter: str) -> None:
    """One bad tick changes nothing of the bar but `dropped`; the frame is not rejected."""
    stage = fold()
    row = row_at(features(stage.apply([frame([Tick(0.0, 10.0), bad, Tick(0.9, 10.5)]), heartbeat(2.0)]), 1), 1)
    assert [row[key] for key in ("open", "high", "low", "close", "volume", "dropped")] == [10, 10.5, 10, 10.5, 200, 1]
    assert math.isnan(row["bid"])
    assert math.isnan(row["ask"])
    assert stage.counters[counter] == 1


def test_quotes_last_and_empty_sides_are_nan() -> None:
    """Bid and ask are the last valid ones at the bar's end; a side of price 0 is empty."""
    ticks = [Tick(0.1, 9.9, kind=BID), Tick(0.2, 10.1, kind=ASK), Tick(1.1, 10.0), Tick(2.5, 0.0, kind=ASK)]
    out = closed(ticks)
    assert (row_at(out, 1)["bid"], row_at(out, 1)["ask"]) == (9.9, 10.1)
    assert (row_at(out, 2)["bid"], row_at(out, 2)["ask"]) == (9.9, 10.1)
    assert row_at(out, 3)["bid"] == 9.9
    assert math.isnan(row_at(out, 3)["ask"])


@pytest.mark.parametrize("ask", [10.0, 9.5])
def test_crossed_and_locked_quotes_are_not_used(ask: float) -> None:
    """After bid >= ask the valid quote stays as it was, until the sides are apart again."""
    stage = fold()
    first = [Tick(0.1, 10.0, kind=BID), Tick(0.2, 11.0, kind=ASK), Tick(0.3, ask, kind=ASK)]
    out = features(stage.apply([frame([*first, Tick(1.5, 9.0, kind=BID)]), heartbeat(3.0)]), 1)
    assert [row_at(out, 1)[key] for key in ("bid", "ask", "dropped")] == [10.0, 11.0, 1]
    assert [row_at(out, 2)[key] for key in ("bid", "ask", "dropped")] == [9.0, ask, 0]
    assert stage.counters["crossed"] == 1


def test_both_sides_of_a_quote_are_judged_together() -> None:
    """With flag 2 a move of both sides is no crossing, though the first row alone would be, in one frame or two."""
    start = [Tick(0.1, 10.0, kind=BID), Tick(0.2, 10.1, kind=ASK)]
    first, second = Tick(0.3, 11.0, kind=BID, flags=2), Tick(0.3, 11.1, kind=ASK)
    for payloads in ([frame([*start, first, second])], [frame([*start, first]), frame([second])]):
        stage = fold()
        row = row_at(features(stage.apply([*payloads, heartbeat(2.0)]), 1), 1)
        assert (row["bid"], row["ask"], row["dropped"]) == (11.0, 11.1, 0)
        assert stage.counters["crossed"] == 0


def test_late_ticks_are_left_out_and_counted() -> None:
    """A tick older than the newest of its source is left out, and counts in the bar that is open when it comes."""
    stage = fold()
    out = features(
        stage.apply([frame([Tick(5.0, 10.0)]), frame([Tick(4.9, 99.0), Tick(5.5, 11.0)]), heartbeat(9.0)]), 1
    )
    assert list(rows_of(out)) == [OPEN + 6 * SECOND]
    assert [row_at(out, 6)[key] for key in ("high", "volume", "dropped")] == [11.0, 200, 1]
    assert stage.counters["late"] == 1


def test_heartbeat_makes_what_is_older_late() -> None:
    """A heartbeat closes bars up to its time; a tick before it is late and counts in the next bar that opens."""
    stage = fold()
    assert len(features(stage.apply([frame([Tick(0.5, 10.0)]), heartbeat(1.0)]))) == 1
    out = features(stage.apply([frame([Tick(0.9, 99.0)]), frame([Tick(1.0, 11.0)]), heartbeat(2.0)]))
    assert [row_at(out, 2)[key] for key in ("high", "volume", "dropped")] == [11.0, 100, 1]


def test_a_bar_closes_with_the_clock_not_before() -> None:
    """Nothing is emitted until a tick or heartbeat reaches the bar's end, then at that very record."""
    stage = fold()
    assert stage.apply([frame([Tick(0.5, 10.0)]), heartbeat(0.998)]) == []
    out = stage.apply([frame([Tick(0.999, 10.0)]), heartbeat(1.0), heartbeat(1.5)])
    assert [found.at for found in out] == [1]


def test_quiet_seconds_are_not_emitted_and_quiet_minutes_only_in_session() -> None:
    """Seconds without a tick give no bar; minutes without one do, with the close before, but in the session only."""
    stage = fold()
    payloads = [session(120.0, 360.0), frame([Tick(10.0, 10.0)]), frame([Tick(600.0, 20.0)]), heartbeat(10_000.0)]
    out = stage.apply(payloads)
    assert list(rows_of(features(out, 1))) == [OPEN + 11 * SECOND, OPEN + 601 * SECOND]
    minutes = rows_of(features(out, 60))
    assert [(end - OPEN) // SECOND for end in minutes] == [60, 180, 240, 300, 360, 660]
    quiet = minutes[OPEN + 240 * SECOND]
    assert [quiet[key] for key in ("open", "high", "low", "close", "volume", "trades")] == [10, 10, 10, 10, 0, 0]
    assert math.isnan(quiet["vwap"])
    assert [row["session"] for row in minutes.values()] == [1, 2, 2, 2, 2, 3]
    assert [(end - OPEN) // SECOND for end in rows_of(features(out, 300))] == [300, 600, 900]


def test_silence_of_years_is_no_flood() -> None:
    """After years of silence at most the known session's minutes are emitted."""
    stage = fold()
    out = stage.apply([session(), frame([Tick(0.0, 10.0)]), heartbeat(3e8)])
    assert len(features(out, 60)) == 390
    assert len(features(out, 300)) == 78


def test_bars_before_the_first_trade_have_no_price() -> None:
    """A minute with quotes only, before any trade, has NaN prices, the quote, and NaN indicators."""
    out = closed([Tick(0.5, 9.9, kind=BID), Tick(0.6, 10.1, kind=ASK)], 60)
    row = row_at(out, 60)
    assert math.isnan(row["open"])
    assert math.isnan(row["close"])
    assert math.isnan(row["obv"])
    assert (row["bid"], row["ask"], row["volume"]) == (9.9, 10.1, 0)


def test_session_close_closes_the_last_bar() -> None:
    """SESSION_CLOSE at the close is a promise of its source: the last bars of the day come out with it."""
    stage = fold()
    stage.apply([session(), frame([Tick(23_399.5, 10.0)])])
    out = stage.apply([event(KIND.SESSION_CLOSE, 23_400.0)])
    assert [found.interval_ns // SECOND for found in features(out)] == [1, 60, 300]
    assert all(found.base_ns == CLOSE for found in features(out))


def test_seconds_can_come_in_columns_but_not_across_a_minute() -> None:
    """With second_rows 60 the same rows come in one frame a minute, before the minute's own; with 7 in sevens."""
    ticks = [Tick(0.5 * i, 100.0 + i % 7) for i in range(300)]
    single = rows_of(closed(ticks))
    for rows, sizes in ((60, [60, 60, 30]), (7, [7] * 8 + [4] + [7] * 8 + [4] + [7] * 4 + [2])):
        out = features(fold(second_rows=rows).apply([frame(ticks), heartbeat(600.0)]))
        seconds = [found for found in out if found.interval_ns == SECOND]
        assert [len(found.delta_ns) for found in seconds] == sizes
        assert str(rows_of(seconds)) == str(single)
        kinds = [found.interval_ns // SECOND for found in out]
        assert kinds[kinds.index(60) - 1] == 1
        assert (OPEN + 60 * SECOND - seconds[0].base_ns) // SECOND < 60


def test_payloads_are_canonical() -> None:
    """What the kernel writes is byte for byte what the wire codec would write."""
    out = fold(second_rows=7).apply([session(), frame([Tick(i * 0.9, 50.0 + i % 3, kind=i % 3) for i in range(900)])])
    assert len(out) > 100
    for found in features(out):
        assert encode(found) in {result.payload for result in out}  # type: ignore[union-attr]


# ---- source bars ----------------------------------------------------------------------------------------------------


def test_minute_bars_feed_minutes_and_five_minutes() -> None:
    """Source bars of a minute become our minutes and, five together, our five minutes; their VWAP is unknown."""
    rows = [(60.0 * i, 10.0 + i, 12.0 + i, 9.0 + i, 11.0 + i, 100.0, 10.9 + i, 11.1 + i) for i in range(6)]
    stage = fold()
    out = stage.apply([bars(rows), heartbeat(360.0)])
    assert features(out, 1) == []
    row = row_at(features(out, 60), 120)
    assert [row[key] for key in ("open", "high", "low", "close", "volume", "trades")] == [11, 13, 10, 12, 100, 0]
    assert (row["bid"], row["ask"]) == (11.9, 12.1)
    five = row_at(features(out, 300), 300)
    assert [five[key] for key in ("open", "high", "low", "close", "volume")] == [10, 16, 9, 15, 500]
    assert math.isnan(five["vwap"])
    assert stage.counters["bars_taken"] == 6


def test_ticks_win_over_bars_of_their_time() -> None:
    """A source bar that begins at or before the newest tick is left out; one that comes first makes its ticks late."""
    stage = fold()
    out = stage.apply([frame([Tick(30.0, 10.0, 5)]), bars([(0.0, 1, 1, 1, 1, 9, math.nan, math.nan)]), heartbeat(60.0)])
    assert row_at(features(out, 60), 60)["volume"] == 5
    assert stage.counters["bars_left_out"] == 1
    out = stage.apply(
        [bars([(60.0, 2, 2, 2, 2, 9, math.nan, math.nan)]), frame([Tick(90.0, 10.0, 5)]), heartbeat(120.0)]
    )
    assert row_at(features(out, 60), 120)["volume"] == 9
    assert stage.counters["late"] == 1


def test_hours_and_days_are_rows_of_their_own() -> None:
    """Hour and day bars come out at once, with indicators, and move no clock: ticks of that time are not late."""
    stage = fold()
    days = [(86_400.0 * i, 10.0, 99.0, 9.0, 11.0 + i, 100.0, math.nan, math.nan) for i in range(30)]
    out = stage.apply([bars(days, 86_400), frame([Tick(1.0, 10.0)]), heartbeat(60.0)])
    found = rows_of(features(out, 86_400))
    assert len(found) == 30
    last = found[OPEN + 30 * 86_400 * SECOND]
    assert last["sma_20"] == pytest.approx(sum(11.0 + i for i in range(10, 30)) / 20)
    assert row_at(features(out, 60), 60)["volume"] == 100
    assert stage.apply([bars(days[:5], 86_400)]) == []


def test_a_bad_source_bar_is_left_out() -> None:
    """A bar whose high is under its close, or with a NaN among prices, or negative volume, is left out and counted."""
    nan = math.nan
    rows = [
        (0.0, 10, 9, 9, 10, 1, nan, nan),
        (60.0, 10, nan, 9, 10, 1, nan, nan),
        (120.0, 10, 11, 9, 10, -1, nan, nan),
        (180.0, 10, 11, 9, 10, 1, nan, nan),
        (240.0, nan, nan, nan, nan, 0, 5.0, 6.0),
    ]
    stage = fold()
    minutes = rows_of(features(stage.apply([bars(rows), heartbeat(300.0)]), 60))
    assert [(end - OPEN) // SECOND for end in minutes] == [240, 300]
    assert minutes[OPEN + 300 * SECOND]["close"] == 10.0
    assert stage.counters["bars_left_out"] == 3


# ---- several sources, events ----------------------------------------------------------------------------------------


def test_two_sources_wait_for_each_other() -> None:
    """With two open sources a bar closes when both are past its end, and holds the ticks of both in time order."""
    stage = fold()
    opened = [event(KIND.SOURCE_OPEN, 0.0, source=source) for source in ("a", "b")]
    assert stage.apply([*opened, frame([Tick(0.5, 10.0), Tick(3.0, 13.0)], source="a")]) == []
    out = stage.apply([frame([Tick(0.2, 8.0), Tick(0.7, 9.0), Tick(2.0, 12.0)], source="b")])
    assert [row_at(features(out, 1), 1)[key] for key in ("open", "high", "low", "close")] == [8, 10, 8, 9]
    out = stage.apply([event(KIND.SOURCE_CLOSE, 2.0, source="b"), heartbeat(4.0, source="a")])
    assert list(rows_of(features(out, 1))) == [OPEN + 3 * SECOND, OPEN + 4 * SECOND]


def test_a_full_hold_lets_the_oldest_go() -> None:
    """With more ticks waiting than hold_rows_max the oldest are released early, and counted."""
    stage = fold(hold_rows_max=4)
    opened = [event(KIND.SOURCE_OPEN, 0.0, source=source) for source in ("a", "b")]
    out = stage.apply([*opened, frame([Tick(float(i), 10.0 + i) for i in range(10)], source="a")])
    assert stage.counters["hold_forced"] == 6
    assert len(features(out, 1)) == 5


def test_split_restarts_indicators_only() -> None:
    """A split makes indicators cold from its instant on; the bars go on as they are."""
    ticks = [Tick(60.0 * i, 100.0 + i) for i in range(20)]
    more = [Tick(60.0 * i, 50.0 + i) for i in range(20, 40)]
    stage = fold()
    out = stage.apply(
        [frame(ticks), event(KIND.SPLIT, 1_200.0, symbol="SPY", value=2.0), frame(more), heartbeat(2_400.0)]
    )
    minutes = rows_of(features(out, 60))
    assert not math.isnan(minutes[OPEN + 1_200 * SECOND]["ema_12"])
    assert math.isnan(minutes[OPEN + 1_260 * SECOND]["ema_12"])
    assert math.isnan(minutes[OPEN + 1_860 * SECOND]["ema_12"])
    assert minutes[OPEN + 1_920 * SECOND]["ema_12"] == pytest.approx(sum(50.0 + i for i in range(20, 32)) / 12)
    assert minutes[OPEN + 1_260 * SECOND]["close"] == 70.0


@pytest.mark.parametrize("kind", [KIND.HALT, KIND.RESUME, KIND.GAP, KIND.DIVIDEND, KIND.EARNINGS])
def test_other_events_change_nothing(kind: MarketEventKind) -> None:
    """Halts, gaps, dividends and earnings are counted and change neither bars nor state."""
    stage, plain = fold(), fold()
    first, second = frame([Tick(0.5, 10.0)]), frame([Tick(70.0, 11.0)])
    given = event(kind, 30.0, symbol="SPY")
    out = [*stage.apply([first, given]), *stage.apply([second])]
    assert [found.payload for found in out if found.payload != given] == [  # type: ignore[union-attr]
        found.payload  # type: ignore[union-attr]
        for found in plain.apply([first, second])
    ]
    assert stage.changed() == plain.changed()
    assert stage.counters["events"] == 1


def test_symbols_know_the_sessions_before_them() -> None:
    """A symbol that comes after the session's opening is in that session."""
    out = fold().apply([session(), frame([Tick(1.0, 10.0)], symbol="AAPL"), heartbeat(3.0)])
    assert features(out, 1)[0].session == b"\x02"


def test_symbols_are_many() -> None:
    """Tables grow: 200 symbols keep their bars apart."""
    stage = fold()
    names = [f"SYM{i}" for i in range(200)]
    stage.apply([frame([Tick(0.5, 10.0 + i)], symbol=name) for i, name in enumerate(names)])
    out = features(stage.apply([heartbeat(1.0)]))
    assert {found.symbol: found.close[0] for found in out} == {name: 10.0 + i for i, name in enumerate(names)}


def test_indicators_and_settings_can_be_chosen() -> None:
    """Params name the indicators and their settings; frames carry those names."""
    stage = Analytics(Params(indicators=("ema", "rsi"), settings={"ema": ((5,),)}))
    out = features(stage.apply([frame([Tick(0.5, 10.0)]), heartbeat(60.0)]), 60)
    assert out[0].names == stage.names == ("ema_5", "rsi_14")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"intervals_s": ()}, "intervals_s must be whole seconds"),
        ({"intervals_s": (1, 60, 90)}, "must divide the next"),
        ({"intervals_s": (7,)}, "divide"),
        ({"intervals_s": (1, 1)}, "must divide the next"),
        ({"bar_intervals_s": (300,)}, "bar_intervals_s must be longer"),
        ({"second_rows": 0}, "second_rows must be 1 to 60, was 0"),
        ({"second_rows": 61}, "second_rows must be 1 to 60, was 61"),
        ({"symbols_max": 0}, "symbols_max must be >= 1"),
        ({"output_bytes_max": 100}, "output_bytes_max must be >="),
        ({"indicators": ("emma",)}, "no indicator is named"),
    ],
)
def test_wrong_parameters_are_refused(changes: dict[str, object], text: str) -> None:
    """Parameters that make no sense are errors that say what was seen."""
    with pytest.raises(ValueError, match=text):
        fold(**changes)


def test_outputs_larger_than_the_buffer_come_in_pieces() -> None:
    """A batch that writes more than the buffer holds gives the same outputs as one with room."""
    payloads = [session(), frame([Tick(0.3 * i, 100.0 + i % 9) for i in range(5_000)]), heartbeat(30_000.0)]
    small = Analytics(Params())
    smallest = Params(output_bytes_max=int(small._fixed.room_bytes))
    assert make(smallest, 0, 1).apply(payloads) == small.apply(payloads)
    assert len(decode(small.apply([frame([Tick(30_001.0, 1.0)]), heartbeat(30_060.0)])[0].payload).close) == 1  # type: ignore[union-attr]
