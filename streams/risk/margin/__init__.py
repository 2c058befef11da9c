"""Strategy-based margin (Reg T, FINRA 4210, Cboe's Margin Manual): pure functions, whole cents.

rules.py rates by day · formulas.py one contract, one spread, shares · pairing.py positions of one underlying into
strategies · requirement.py accounts, working orders, buying power · cash.py cash accounts · forecast.py margin calls.
"""
