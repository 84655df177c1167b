"""The OpenAPI 3.1 document of all that is served: handlers, ``/rest`` among them, and commands.

:mod:`~tigrest.api.openapi.document` puts it together, :mod:`~tigrest.api.openapi.handlers` and
:mod:`~tigrest.api.openapi.commands` describe operations.
"""
