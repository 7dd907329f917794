"""The Telegram front: what comes in is stored before it is acknowledged, what goes out is a row first."""
