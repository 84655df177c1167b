"""The running program, put together from its configuration."""

from tigrest.gateway.gateway import Gateway

__all__ = ["Gateway"]
