"""What `aiots chain` shows of an option chain: sources, the terminal's tables, the picture, the bulk export."""
