"""Where events go: a file, a broker, a web hook, a page of numbers. Each pulls from the outbox at its own pace and never holds up a tick."""
