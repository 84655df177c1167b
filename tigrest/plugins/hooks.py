"""The hooks that a plugin may implement."""

from __future__ import annotations

import pluggy

from tigrest.service import Service

GROUP = "tigrest"
"""Entry point group of installed plugins, and name of the project in pluggy."""

hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)
"""Marks the functions of a plugin that implement a hook."""


class Hooks:
    """The hooks that a plugin may implement, each marked with :data:`hookimpl`."""

    @hookspec(firstresult=True)
    def tigrest_provide(self, type: type, service: Service) -> object | None:
        """Return the object that handlers get for ``attribute: type = inject()``.

        Args:
            type: the type that was asked for.
            service: access to XMPP.

        Returns:
            The object; ``None`` when this plugin has none of that type.
        """
