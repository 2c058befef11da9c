"""Read an inbox without a Python object a record: librdkafka fetches, one kernel filters and copies the payloads.

Fetching by confluent-kafka makes a Message, a list of headers and a dozen strings of each record, which took more time
than folding it. Here the stage's consumer keeps the group only, and partitions are fetched by a second client that is
called by address (fetch.py); whatever is unusual about a record is left to the path that knows every case
(streams/runtime/fetch.py, streams/log/filter.py).
"""
