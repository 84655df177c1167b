"""``tigrest ctl``: commands from the shell, over a Unix socket of the running gateway.

:mod:`tigrest.ctl.client` runs in the shell. It imports the standard library only, so that it is quick, and knows no command:
:mod:`tigrest.ctl.server` is in the gateway, where the arguments are read and the answer is laid out.
"""
