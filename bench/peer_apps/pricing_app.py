# mypy: ignore-errors
# It runs in the peers' environment, whose packages this one has not.
"""Volatilities by three peers, each called in its quickest way: by side (iv-engine), or by expiry and side.

vanilla-option-pricers: its numba function from Python for one option; for more, from a loop that is compiled here, for
its own function of a slice takes 19 us a call.

Argument: an .npz with price, spot, strike, years, rate, yield_, is_call, expiry. Lines on stdin ask for
{"peer", "rows": [begin, end], "seconds"}; each is answered by {"seconds": per option, "vols": of the last pass}.
"""

import json
import sys
import time

import iv_engine.batch
import lbriv
import numpy as np
from numba import njit
from vanilla_option_pricers.black_scholes import infer_bsm_implied_vol

data = dict(np.load(sys.argv[1]))


@njit
def vanilla_slice(forward, years, strike, price, discount, call):
    """Solve a slice by the package's function of one option."""
    found = np.empty(strike.size)
    for i in range(strike.size):
        found[i] = infer_bsm_implied_vol(forward, years, strike[i], price[i], discount, "C" if call else "P")
    return found


def slices(begin, end):
    """Yield rows of one expiry and side, with their forward and discount factor."""
    rows = np.arange(begin, end)
    for expiry in np.unique(data["expiry"][rows]):
        for call in (True, False):
            own = rows[(data["expiry"][rows] == expiry) & (data["is_call"][rows] == call)]
            if own.size:
                one = {name: float(data[name][own[0]]) for name in ("spot", "years", "rate", "yield_")}
                discount = float(np.exp(-one["rate"] * one["years"]))
                forward = one["spot"] * float(np.exp((one["rate"] - one["yield_"]) * one["years"]))
                yield own, one["years"], forward, discount, call


def passes(peer, begin, end):
    """Return a function that solves these rows once, and the rows in its order."""
    steps, order = [], []
    if peer == "iv-engine":  # it takes arrays of forwards and maturities, so one call a side will do
        for call in (True, False):
            own = np.arange(begin, end)
            own = own[data["is_call"][own] == call]
            if own.size:
                carry = (data["rate"] - data["yield_"])[own] * data["years"][own]
                price = data["price"][own] * np.exp(data["rate"][own] * data["years"][own])
                rest = (data["spot"][own] * np.exp(carry), data["strike"][own], data["years"][own], call, False)
                steps.append((iv_engine.batch.implied_volatilities, (price, *rest)))
                order.append(own)
        return lambda: [function(*arguments) for function, arguments in steps], np.concatenate(order)
    for own, years, forward, discount, call in slices(begin, end):
        strike, price = data["strike"][own], data["price"][own]
        order.append(own)
        if peer == "vanilla-option-pricers" and own.size == 1:
            rest = (1e-8, 0.01, 5.0, 100, True)  # its defaults: leaving them out takes 50 us
            one = (forward, years, float(strike[0]), float(price[0]), discount, "C" if call else "P", *rest)
            steps.append((infer_bsm_implied_vol, one))
        elif peer == "vanilla-option-pricers":
            steps.append((vanilla_slice, (forward, years, strike, price, discount, call)))
        else:
            steps.append((lbriv.vectorized_implied_vol_strikes, (price / discount, forward, strike, 1 if call else -1)))

    def once():
        return [function(*arguments) for function, arguments in steps]

    return once, np.concatenate(order)


prepared = {}
for line in sys.stdin:
    asked = json.loads(line)
    key = (asked["peer"], *asked["rows"])
    if key not in prepared:
        prepared[key] = passes(*key)
        prepared[key][0]()
    once, order = prepared[key]
    count, seconds, found = 0, 0.0, None
    while not count or seconds < asked["seconds"]:
        repeat = max(1, 200 // order.size)
        begin = time.perf_counter()
        for _ in range(repeat):
            found = once()
        seconds += time.perf_counter() - begin
        count += repeat * order.size
    vols = np.empty(order.size)
    vols[order - asked["rows"][0]] = np.concatenate([np.atleast_1d(one) for one in found])
    if asked["peer"] == "lbriv":
        vols /= np.sqrt(data["years"][asked["rows"][0] : asked["rows"][1]])
    print(json.dumps({"seconds": seconds / count, "vols": vols.tolist()}), flush=True)
