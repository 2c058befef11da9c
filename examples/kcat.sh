#!/bin/sh
# Print key, partition, offset and headers (id first) of every signal of a world, then follow. KCAT_OPTIONS: for example -e to end.
#   examples/kcat.sh live
exec kcat -C -q -b "${KAFKA_BOOTSTRAP_SERVERS:-127.0.0.1:19092}" -t "${1:-live}.signals" -o beginning \
  -f 'key=%k partition=%p offset=%o %h\n' ${KCAT_OPTIONS:-}
