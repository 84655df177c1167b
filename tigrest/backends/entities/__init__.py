"""Addressable things that answer: service discovery, ping, ad-hoc commands. Both back ends are made of them."""
