"""Signals that can be passed on as they lie in the log: their bytes are those that decoding and writing would give.

Only what is plainly canonical is taken: ASCII, names of less than 64 letters, times of our age, figures that are > 0 or
exactly 0, evidence in one block. Anything else gives None, and the caller decodes the record, which says what is wrong
with it. Both ways give the same bytes: a test holds that.
"""

import struct

from schemas import wire

HEADER = wire.HEADERS["Signal"]
_FIXED = struct.Struct("<QBBB3dQBd3B2dB")
"""Behind the symbol: event_ns as nine bytes, ordinal, direction, entry, stop, target, expires_ns, confidence,
calibrated, grade, priority, bid, ask, how many pieces of evidence."""
_SCORE_AT = 44
"""Where confidence stands in it."""
_DOUBLE = struct.Struct("<d")
_ZERO = bytes(8)
_GO_ON = 0x8080808080808080
_SIDES, _FOUR = (0, 2), (0, 2, 4, 6)


def signal_key(payload: bytes) -> bytes | None:
    """Return the key (symbol) of a Signal in plainly canonical bytes, None for all else."""
    if not payload.startswith(HEADER):
        return None
    try:
        symbol_at = _behind(payload, _behind(payload, wire.HEADER_BYTES))
        fixed_at = _behind(payload, symbol_at)
        evidence_at = fixed_at + _FIXED.size
        plain = payload[wire.HEADER_BYTES : fixed_at].isascii() and _fixed_is_plain(payload, fixed_at)
        if plain and _rest_is_plain(payload, evidence_at, payload[evidence_at - 1]):
            return payload[symbol_at + 1 : fixed_at]
    except (IndexError, struct.error):
        pass
    return None


def _behind(payload: bytes, pos: int) -> int:
    """Return the position behind a short text; behind a longer one that of no byte."""
    n = payload[pos]
    return len(payload) if n & 0x81 else pos + 1 + (n >> 1)


def _fixed_is_plain(payload: bytes, pos: int) -> bool:
    fields = _FIXED.unpack_from(payload, pos)
    event, event_end, ordinal, side, entry, stop, target, expires, expires_end, score, marked, *rest = fields
    grade, priority, bid, ask, _ = rest
    return (
        event & expires & _GO_ON == _GO_ON
        and 0 < event_end < 0x80
        and 0 < expires_end < 0x80
        and ordinal < 0x80
        and side in _SIDES
        and entry > 0
        and stop > 0
        and target > 0
        and (score > 0 or payload[pos + _SCORE_AT : pos + _SCORE_AT + 8] == _ZERO)
        and marked < 2
        and grade in _FOUR
        and priority in _FOUR
        and bid > 0
        and ask > 0
    )


def _rest_is_plain(payload: bytes, pos: int, count: int) -> bool:
    """Return whether evidence (count: its head) and text are plain, and nothing comes behind them."""
    if count & 0x81:
        return False
    for _ in range(count >> 1):
        name_at, pos = pos, _behind(payload, pos)
        (figure,) = _DOUBLE.unpack_from(payload, pos)
        if not payload[name_at:pos].isascii() or not (figure > 0 or payload[pos : pos + 8] == _ZERO):
            return False
        pos += 8
    if count:
        if payload[pos]:
            return False
        pos += 1
    length, start = payload[pos], pos + 1
    if length > 0x7F:
        # Two bytes, where the text is longer than 63 letters; more it never has.
        if not 0 < payload[start] < 0x80:
            return False
        length, start = length & 0x7F | payload[start] << 7, start + 1
    return not length & 1 and start + (length >> 1) == len(payload) and payload[start:].isascii()
