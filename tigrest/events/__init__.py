"""The live stream: what comes in for our addresses, as Server-Sent Events.

::

    events = Events(arrivals)
    events.start()
    stream = events.subscribe(JID("alice@http.example.org"), JID("alice@example.org"))
    async for piece in stream: ...
"""

from tigrest.events.events import Events
from tigrest.events.stream import Stream

__all__ = ["Events", "Stream"]
