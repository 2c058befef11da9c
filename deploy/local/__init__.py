"""One machine: the embedded broker, its topics, and the supervisor of the processes."""
