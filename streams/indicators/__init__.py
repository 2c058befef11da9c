"""Indicators, one file each, found by its name: adding a file is the only edit.

A file defines
- `SETTINGS`: what is computed by default, a tuple with the settings of each instance (tuples of numbers);
- `outputs(*settings)`: names of what an instance gives; `state_size(*settings)`: float64 that its state takes;
  `warmup(*settings)`: bars until every output is a number;
- `update(state, settings, out, open_, high, low, close, volume, session_ns, interval_ns)`: a kernel that takes a bar
  into state (a zero state is a cold one) and writes out. The bar's prices are finite. session_ns: opening instant of
  the regular session that the bar is in; -1 before the open and after the close; where no session is known, the
  UTC day's start. Nothing but + - * / and sqrt, and numerics/;
- a function of its own name over whole columns, for notebooks, by the same update: `series` in streams/bars/series.py.

Bars with NaN prices are not given to update: their outputs are NaN and the state stays as it was.
"""
