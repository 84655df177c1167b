"""Plugins: what other packages may add. They register under the entry point group ``tigrest``."""

from __future__ import annotations

from typing import Any

import pluggy

from tigrest.service import Service

GROUP = "tigrest"

hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)
"""Marks the hooks that a plugin implements."""


class Hooks:
    """The hooks a plugin may implement, each marked with :data:`hookimpl`."""

    @hookspec(firstresult=True)
    def tigrest_provide(self, type: type, service: Service) -> Any:
        """Give the object that handlers get for ``attribute: type = inject()``.

        Args:
            type: what was asked for.
            service: access to XMPP.

        Returns:
            The object; ``None`` when this plugin has none of that type.
        """


def load_plugins() -> pluggy.PluginManager:
    """Find and load the installed plugins.

    Raises:
        pluggy.PluginValidationError: a plugin's hook does not fit; the message says how.
    """
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(Hooks)
    manager.load_setuptools_entrypoints(GROUP)
    manager.check_pending()
    return manager
