"""The command line of AI-OTS: the only package that imports all the others."""
