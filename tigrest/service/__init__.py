"""Access to XMPP for scripts, and the policy for what they do for callers."""

from tigrest.service.addresses import Addresses
from tigrest.service.bounded import BoundedService
from tigrest.service.decisions import Decision
from tigrest.service.policy import Policy
from tigrest.service.service import Service, reply_failed

__all__ = ["Addresses", "BoundedService", "Decision", "Policy", "Service", "reply_failed"]
