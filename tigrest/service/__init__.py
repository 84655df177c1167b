"""Access to XMPP for scripts, and the policy for what they do for callers."""

from tigrest.service.bounded import BoundedService
from tigrest.service.policy import Decision, Policy
from tigrest.service.service import Service, reply_failed

__all__ = ["BoundedService", "Decision", "Policy", "Service", "reply_failed"]
