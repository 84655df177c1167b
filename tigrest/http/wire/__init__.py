"""HTTP/1.1 on the wire: connections, requests as ASGI, the server that accepts them.

An application needs nothing of it but :mod:`tigrest.http.wire.whole_reply`; who starts a server needs :mod:`tigrest.http.wire.server` and
:mod:`tigrest.http.wire.listener`. Nothing here knows what is served.
"""
