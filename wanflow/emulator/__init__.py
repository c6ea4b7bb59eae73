"""A stand-in for the provider: DashScope's image routes on this machine, free, with limits, clock and faults to choose.

`service` is pure: a request in, a response out, time as an argument. `app` puts it behind ASGI, `server` on a socket.
What the provider doesn't document is decided once, where a comment says "assumed".
"""
