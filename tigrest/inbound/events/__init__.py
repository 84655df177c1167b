"""The event stream: what comes in for our addresses, as Server-Sent Events.

::

    events = Events(inbound)
    events.start()
    stream = events.subscribe(JID("alice@http.example.org"), JID("alice@example.org"))
    async for piece in stream: ...
"""

from tigrest.inbound.events.events import Events
from tigrest.inbound.events.stream import Stream

__all__ = ["Events", "Stream"]
