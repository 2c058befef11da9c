"""Real kills on a real broker: the whole pipeline under SIGKILL, with zombies and a broker that dies."""
