"""Take objects out of pictures and clips, and fill in what was behind them. See README.md."""
