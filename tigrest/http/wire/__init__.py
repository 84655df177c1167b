"""HTTP on the wire: connections, requests as ASGI, and the server that accepts them."""
