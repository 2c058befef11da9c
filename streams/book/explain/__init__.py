"""P&L explained: what each greek, cash flow and fee made of a change of value, per position and interval.

terms.py has the words, option.py the reckoning between two marks of a contract, fold.py follows an account's records.
"""
