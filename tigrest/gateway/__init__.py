"""The gateway: make its parts from the configuration, start them, stop them."""

from tigrest.gateway.gateway import Gateway

__all__ = ["Gateway"]
