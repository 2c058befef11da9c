"""Models of `aiots price` and `aiots iv`, one file each, found by its name: the value of --model.

A module defines `price(table)` and `implied(table)` of an aiots.pricing.table.Table. Both return columns by name,
arrays of the table's length, in the units that are shown (names end in them), `status` (uint8) among them.
"""
