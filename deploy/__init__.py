"""Where AI-OTS runs: on one machine (local/), in containers, in a cluster."""
