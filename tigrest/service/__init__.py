"""Access to XMPP: what scripts get, and who may do what with it."""

from tigrest.service.bounded import BoundedService
from tigrest.service.policy import Decision, Policy
from tigrest.service.service import Service, reply_failed

__all__ = ["BoundedService", "Decision", "Policy", "Service", "reply_failed"]
